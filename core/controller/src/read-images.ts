import { isObject } from "@netbind/contract/shape";
import type { FallbackImage } from "@netbind/kubevirt";

/** A file of images that is not one. */
export class ImagesError extends Error {
  override readonly name = "ImagesError";
}

const DIGEST = /^sha256:[0-9a-f]{64}$/;

const isImage = (value: unknown): value is FallbackImage =>
  isObject(value) &&
  typeof value["image"] === "string" &&
  value["image"] !== "" &&
  (value["digest"] === undefined || (typeof value["digest"] === "string" && DIGEST.test(value["digest"])));

function parse(file: string, read: () => string): unknown {
  try {
    return JSON.parse(read());
  } catch (error) {
    throw new ImagesError(`--images ${file}: ${(error as Error).message}`);
  }
}

/** Reads images by the names of their bindings. @throws ImagesError with the first name whose image is not one */
export function readImages(file: string, read: () => string): Readonly<Record<string, FallbackImage>> {
  const images = parse(file, read);
  if (!isObject(images)) throw new ImagesError(`--images ${file}: it is not an object of images by name`);
  for (const [name, image] of Object.entries(images))
    if (!isImage(image))
      throw new ImagesError(
        `--images ${file}: ${JSON.stringify(name)} is not {"image": "...", "digest": "sha256:..."}; the digest may be absent`,
      );
  return images as Readonly<Record<string, FallbackImage>>;
}
