import { createHash } from "node:crypto";
import { isNumber, isText, listOf, optional, shape } from "@netbind/contract/shape";
import { badImage, noPlatform } from "./errors.ts";

/** What a manifest says of a blob. */
export interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** An image of one platform. */
export interface Manifest {
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
}

interface Platform {
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const isDigest = (value: unknown): boolean => typeof value === "string" && DIGEST.test(value);
const isDescriptor = shape({ digest: isDigest, size: isNumber });
const isManifest = shape({ config: isDescriptor, layers: listOf(isDescriptor) });

const isIndex = shape({
  manifests: listOf(shape({ digest: isDigest, platform: optional(shape({ os: isText, architecture: isText })) })),
});

/** The platform whose images run here, by the names that Go has for it. */
export const PLATFORM: { readonly os: string; readonly architecture: string } = {
  os: "linux",
  architecture: process.arch === "x64" ? "amd64" : process.arch,
};

export const digestOf = (bytes: string | Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

function parse(image: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badImage(image, "its manifest is not JSON");
  }
}

/** A manifest, or the digest of this platform's in an index. @throws ImageError */
export function readManifest(image: string, text: string): Manifest | string {
  const value = parse(image, text);
  if (isIndex(value)) {
    const { manifests } = value as { readonly manifests: readonly Platform[] };
    const found = manifests.find(
      ({ platform }) => platform?.os === PLATFORM.os && platform.architecture === PLATFORM.architecture,
    );
    const known = manifests.map(({ platform }) =>
      platform ? `${platform.os}/${platform.architecture}` : "no platform",
    );
    if (found === undefined) throw noPlatform(image, known);
    return found.digest;
  }
  if (!isManifest(value)) throw badImage(image, "its manifest is neither an image's nor an index");
  return value as Manifest;
}

/** Sees that an image's configuration is of this platform. @throws ImageError */
export function checkPlatform(image: string, text: string): void {
  const config = parse(image, text) as { readonly os?: unknown; readonly architecture?: unknown } | null;
  const [os, architecture] = [String(config?.os ?? ""), String(config?.architecture ?? "")];
  if (os === "" && architecture === "") throw noPlatform(image, []);
  if (os !== PLATFORM.os || architecture !== PLATFORM.architecture) throw noPlatform(image, [`${os}/${architecture}`]);
}
