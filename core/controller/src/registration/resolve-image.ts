import { type FallbackImage, resolveBinding } from "@netbind/kubevirt";
import type { NetworkBinding } from "../network-binding.ts";
import type { Release } from "../release.ts";
import { isFalse, isTrue, type Verdict } from "../status/conditions.ts";

/** What the sidecars of a binding run. */
export interface ResolvedImage {
  readonly verdict: Verdict;
  /** Absent: no sidecar, or none was found. */
  readonly image?: string;
}

const isPinned = (image: string): boolean => image.includes("@sha256:");
const pin = (image: string): string => (isPinned(image) ? "" : "; pin it by a digest, so that every pod runs the same");

const imagesOf = (release: Release): Readonly<Record<string, FallbackImage>> =>
  Object.fromEntries([...release].flatMap(([name, { image, hasSidecar }]) => (hasSidecar ? [[name, image]] : [])));

/** Finds a binding's image: its own, or this release's of that name where its fallback policy permits it. */
export function resolveImage({ name, spec }: NetworkBinding, release: Release): ResolvedImage {
  const { image, fallback = "Always", registration } = spec;
  if (image !== undefined) return { image, verdict: isTrue("FromSpec", `spec.image is ${image}${pin(image)}`) };
  const released = release.get(name);
  if (released !== undefined && released.registration === undefined)
    return { verdict: isTrue("OwnKey", "KubeVirt serves it by its own key, without a sidecar") };
  const attachment = (registration ?? released?.registration)?.domainAttachmentType;
  if (released?.hasSidecar !== true && attachment !== undefined)
    return { verdict: isTrue("NoSidecar", `KubeVirt attaches the NICs itself (domainAttachmentType: ${attachment})`) };
  const resolved = resolveBinding(name, {}, { policy: fallback, table: imagesOf(release) });
  if ("image" in resolved && resolved.image !== undefined) {
    const said = `this release's image serves: ${resolved.image}${pin(resolved.image)}`;
    return { image: resolved.image, verdict: isTrue("FromRelease", said) };
  }
  if (released?.hasSidecar === true) {
    const said = `spec.fallback: ${fallback} does not permit this release's image: give spec.image, or set Always`;
    return { verdict: isFalse("FallbackForbidden", said) };
  }
  const ofRelease = Object.keys(imagesOf(release)).sort().join(", ");
  const said = `this release has no image for "${name}": give spec.image (images of this release: ${ofRelease || "none"})`;
  return { verdict: isFalse("ImageMissing", said) };
}
