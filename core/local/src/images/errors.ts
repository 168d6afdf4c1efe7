/** An image that is refused, or cannot be had. */
export class ImageError extends Error {
  override readonly name: string = "ImageError";
}

/** An image whose registry does not answer. */
export class UnreachableRegistryError extends ImageError {
  override readonly name = "UnreachableRegistryError";
}

/** An image that Netbind does not take. */
export const badImage = (image: string, problem: string): ImageError => new ImageError(`image ${image}: ${problem}`);

/** What was fetched of an image is not what its digest says. */
export const changedBlob = (image: string, said: string): ImageError =>
  new ImageError(
    `image ${image}: what its source gives does not have the digest that was asked for (${said}): push the image again, or name the digest that it has`,
  );

/** What failed while an image was kept: a full disk names what is full. */
export function explainWrite(image: string, directory: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT" || /no space left on device/i.test(message);
  return full ? isFull(image, directory) : (error as Error);
}

/** An image that skopeo does not copy. */
export const failedPull = (image: string, said: string): ImageError =>
  new ImageError(`image ${image} cannot be pulled: ${said}`);

/** A text that names no image. */
export const invalidImage = (text: string, fix: string): ImageError =>
  new ImageError(`${JSON.stringify(text)} is not a valid image: ${fix}`);

/** A disk of the machine's that has no room for an image; `where` is a directory, or what was said. */
export const isFull = (image: string, where: string): ImageError =>
  new ImageError(
    `image ${image}: the file system of Netbind's cache is full (${where}): make room there, or set NETBIND_CACHE_DIR`,
  );

/** An image that its registry does not have. */
export const missingImage = (image: string, said: string): ImageError =>
  new ImageError(`image ${image} is not there: ${said}: correct its name, or mirror it to that registry`);

/** An image without a disk. */
export const noDisk = (image: string, path: string): ImageError =>
  badImage(
    image,
    `it has no file at ${path}, so it is not a container disk: put one regular file, raw or qcow2, into /disk`,
  );

/** An image of other platforms alone. */
export const noPlatform = (image: string, known: readonly string[]): ImageError =>
  badImage(
    image,
    `it is for ${known.join(", ") || "no platform"}, and this machine needs linux/${process.arch === "x64" ? "amd64" : process.arch}`,
  );

/** An image that its registry does not give. */
export const refusedImage = (image: string, said: string): ImageError =>
  new ImageError(
    `image ${image}: its registry refuses it: ${said}: log in with skopeo login as root, or mirror it to a registry that gives it`,
  );

/** A registry that does not answer. */
export const unreachableRegistry = (image: string, said: string): UnreachableRegistryError =>
  new UnreachableRegistryError(`image ${image}: its registry is not in reach: ${said}`);
