import { defined } from "@netbind/contract";
import type { ResolvedBinding } from "@netbind/kubevirt";
import type { ImageCache, ImageRequest } from "../images/image-cache.ts";
import { type ImageSource, pathInRegistry, readRegistryImage } from "../images/image-source.ts";
import { type CachedSidecarImage, ensureSidecarImage } from "../images/sidecar-image-cache.ts";
import { PullError, sidecarImageError, sidecarImageErrors } from "../images/errors.ts";
import { type NewSidecar, publishSidecar, type SidecarRuntime } from "./sidecar-files.ts";

/** Where the sidecars of new pods come from. */
export interface SidecarSources {
  readonly runtime: SidecarRuntime;
  /** True for a binding whose sidecar is its image's container; absent: all are bundles that the runtime runs. */
  readonly isImage?: (binding: string) => boolean;
  /** Of images, as the KubeVirt CR says; absent: as the kubelet has it. */
  readonly pullPolicy?: string;
}

/** What to do about an image that cannot be pulled, where another registry would help. */
function mirrorOf({ name, from }: ResolvedBinding, { repository = "", tag, digest }: ImageSource): string {
  const to = `docker://REGISTRY/${pathInRegistry(repository).slice(-2).join("/")}${tag === undefined ? "" : `:${tag}`}`;
  // skopeo takes a tag or a digest, and not both.
  const at = digest === undefined ? (tag === undefined ? "" : `:${tag}`) : `@${digest}`;
  return from === "registered"
    ? `skopeo copy --all docker://${repository}${at} ${to}, and register that name for ${name} in the KubeVirt CR`
    : `npm run images, skopeo copy --all --preserve-digests oci:dist/images:${name} ${to}, and netbind run --registry REGISTRY`;
}

/** The images of a pod's sidecars, by their bindings. @throws SidecarImageError with all that cannot be had */
async function fetchImages(
  cache: ImageCache,
  bindings: readonly ResolvedBinding[],
  policy: Pick<ImageRequest, "pullPolicy">,
): Promise<ReadonlyMap<string, CachedSidecarImage>> {
  const found = new Map<string, CachedSidecarImage>();
  const failed: Error[] = [];
  for (const binding of bindings) {
    const { name, image = "" } = binding;
    let source: ImageSource | undefined;
    try {
      source = readRegistryImage(image);
      found.set(name, await ensureSidecarImage(cache, { source, ...policy }));
    } catch (error) {
      cache.signal.throwIfAborted();
      const mirror = source && error instanceof PullError ? mirrorOf(binding, source) : undefined;
      failed.push(sidecarImageError(name, error as Error, mirror));
    }
  }
  if (failed.length > 0) throw failed.length === 1 ? failed[0] : sidecarImageErrors(failed);
  return found;
}

/**
 * Fetches what a pod's sidecars are started from, before anything of the pod is made: a pull may take long.
 *
 * @throws SidecarImageError
 */
export async function prepareSidecars(
  cache: ImageCache,
  { runtime, isImage = () => false, pullPolicy }: SidecarSources,
  bindings: readonly ResolvedBinding[],
): Promise<NewSidecar> {
  const ofImages = bindings.filter(({ name, image }) => image !== undefined && isImage(name));
  const images = await fetchImages(cache, ofImages, defined({ pullPolicy }));
  const named = new Map(ofImages.map(({ name, image = "" }) => [name, image]));
  return (binding, container) => {
    const cached = images.get(binding);
    if (cached === undefined) return publishSidecar(runtime, cache.cache, binding, container);
    const { base, args, env, cwd } = cached;
    return { container, image: named.get(binding) ?? "", base, command: { args, env, cwd } };
  };
}
