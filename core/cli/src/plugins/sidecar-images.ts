import { existsSync } from "node:fs";
import { defined } from "@netbind/contract";
import type { Decision } from "@netbind/engine";
import type { ImageFallback } from "@netbind/kubevirt";
import { bindingName, INTERFACES_PATH, interfacesOf } from "@netbind/kubevirt";
import type { CheckId, CodedViolation } from "@netbind/kubevirt/admission";
import { OptionError } from "../errors.ts";
import { type ImageDigests, readImageTable } from "../input/named-files.ts";
import type { PluginSources } from "./plugin-sources.ts";

/** The images that sidecars run from. */
export interface SidecarImages {
  /** This release's images as their registry has them, for bindings that the KubeVirt CR registers no image for. */
  readonly table: ImageFallback["table"];
  /** True for a binding whose sidecar is its image's container: those of plugins on the command line are bundles. */
  readonly isImage: (binding: string) => boolean;
  /** What of a VM's sidecars has no image that could be pulled. */
  readonly check: (decision: Decision) => readonly CodedViolation[];
}

/** What the command line says of images. */
export interface ImageOptions {
  readonly registry?: string;
  readonly imageTable?: string;
}

const REGISTRY = /^[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._-]+)*$/;

const invalidPrefix = (registry: string): OptionError =>
  new OptionError(`--registry ${JSON.stringify(registry)} is not a valid prefix of images: write HOST[:PORT][/PATH]`);

/** Says no to options that only images have. @throws OptionError */
export function refuseImageOptions({ registry, imageTable }: ImageOptions): undefined {
  if (registry !== undefined) throw new OptionError("--registry is for --sidecars image: add that, or leave it out");
  if (imageTable !== undefined)
    throw new OptionError("--image-table is for --sidecars image: add that, or leave it out");
}

/** Why this release's image of a binding cannot be pulled; undefined where it can. */
function obstacle(
  name: string,
  registry: string | undefined,
  digests: ImageDigests,
): Pick<CodedViolation, "problem" | "fix"> | undefined {
  const subject = `the KubeVirt CR registers no sidecarImage for binding ${JSON.stringify(name)}`;
  if (registry === undefined)
    return {
      problem: `${subject}, and --registry does not say where this release's image is`,
      fix: "name the registry with --registry PREFIX, or register the image in the KubeVirt CR",
    };
  if (!Object.hasOwn(digests, name))
    return {
      problem: `${subject}, and the digest of this release's image is not known`,
      fix: `run npm run images -- ${name}, push it to ${registry}, and name its images.json with --image-table`,
    };
  return undefined;
}

/** The digests of this release's images. @throws NamedFileError */
function digestsOf({ imageTable }: ImageOptions, ownTable: string): ImageDigests {
  if (imageTable !== undefined) return readImageTable(imageTable);
  return existsSync(ownTable) ? readImageTable(ownTable) : {};
}

/** This release's images by their names below a registry. */
const tableOf = (released: ImageFallback["table"], registry: string, digests: ImageDigests): ImageFallback["table"] =>
  Object.fromEntries(
    Object.entries(released).map(([name, own]) => {
      const { image, digest } = digests[name] ?? own;
      return [name, defined({ image: `${registry}/${image}`, digest })];
    }),
  );

/** The NICs of a VM whose bindings' images cannot be pulled. */
function findMissing(
  { vmi }: Decision,
  obstacleOf: (binding: string) => ReturnType<typeof obstacle>,
): readonly CodedViolation[] {
  return interfacesOf(vmi).flatMap((nic, at) => {
    const name = bindingName(nic) ?? "";
    const found = obstacleOf(name);
    const field = `${INTERFACES_PATH}[${at}]${nic.binding === undefined ? `.${name}` : ".binding.name"}`;
    return found === undefined ? [] : [{ rule: "IMAGE" satisfies CheckId, field, ...found }];
  });
}

/**
 * The images that sidecars run from: registered ones, else this release's by digest below a registry's prefix.
 *
 * @throws OptionError, NamedFileError
 */
export function sidecarImages(
  options: ImageOptions,
  { released, ownTable }: { readonly released: ImageFallback["table"]; readonly ownTable: string },
  sources: PluginSources,
): SidecarImages {
  const { registry } = options;
  if (registry !== undefined && !REGISTRY.test(registry)) throw invalidPrefix(registry);
  const digests = digestsOf(options, ownTable);
  return {
    table: tableOf(released, registry ?? "REGISTRY", digests),
    isImage: (binding) => !sources.has(binding),
    check: (decision) => {
      const own = decision.bindings.filter(({ name, from }) => from === "fallback" && !sources.has(name));
      const isOwn = (binding: string): boolean => own.some(({ name }) => name === binding);
      return findMissing(decision, (name) => (isOwn(name) ? obstacle(name, registry, digests) : undefined));
    },
  };
}
