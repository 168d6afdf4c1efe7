import { BindingError } from "@netbind/contract";
import { SettingError } from "@netbind/netns";

/** A volume whose container disk cannot be had. */
export class ContainerDiskError extends Error {
  override readonly name = "ContainerDiskError";
}

/** An image that is refused, or cannot be had. */
export class ImageError extends Error {
  override readonly name: string = "ImageError";
}

/** An image that its registry does not give: another may. */
export class PullError extends ImageError {}

/** An image that its registry does not have. */
export class MissingImageError extends PullError {}

/** A binding whose sidecar's image cannot be had. */
export class SidecarImageError extends Error {
  override readonly name = "SidecarImageError";
}

/** An image whose registry does not answer. */
export class UnreachableRegistryError extends PullError {
  override readonly name = "UnreachableRegistryError";
}

/** A disk of a running VM that is not in the cache any more. */
export const lostDisk = (path: string): ContainerDiskError =>
  new ContainerDiskError(
    `${path} is not there any more, since Netbind's cache was removed in part: the VM's QEMU still has it open and goes on; save what its guest wrote, then stop and start the VM`,
  );

/** A file of certificates that the environment names. */
export const missingCertificates = (variable: string, file: string): SettingError =>
  new SettingError(`${variable} names ${file}, which does not exist: name a file of certificates, or unset it`);

/** A file that is not the archive that its transport says. */
export const badArchive = (image: string, said: string): ImageError =>
  badImage(
    image,
    `it is cut off, or not such an archive (${said}): oci-archive: is for what skopeo or buildah writes, docker-archive: for what docker save writes, uncompressed`,
  );

/** An image that Netbind does not take. */
export const badImage = (image: string, problem: string): ImageError => new ImageError(`image ${image}: ${problem}`);

/** What was fetched of an image is not what its digest says. */
export const changedBlob = (image: string, said: string): ImageError =>
  new PullError(
    `image ${image}: what its source gives does not have the digest that was asked for (${said}): push the image again, or name the digest that it has`,
  );

/** Errors as a list below what they are of. */
const listed = (errors: readonly Error[]): string => errors.map(({ message }) => `\n    ${message}`).join("");

/** A volume whose container disk cannot be had. */
export const containerDiskError = (volume: string, cause: Error): ContainerDiskError =>
  new ContainerDiskError(`volume "${volume}": ${cause.message}`, { cause });

/** Several volumes of a VM whose container disks cannot be had. */
export const containerDiskErrors = (errors: readonly Error[]): ContainerDiskError =>
  new ContainerDiskError(`${errors.length} container disks cannot be had${listed(errors)}`, {
    cause: new AggregateError(errors),
  });

/** A registry that cannot answer now. */
export const failingRegistry = (image: string, said: string): ImageError =>
  new PullError(`image ${image}: its registry fails: ${said}: try again later, or mirror it to another`);

/** A policy that no kubelet has. */
export const invalidPullPolicy = (policy: string): string =>
  `imagePullPolicy ${JSON.stringify(policy)} is not Always, IfNotPresent or Never`;

const isNoSpace = ({ code, message }: NodeJS.ErrnoException): boolean =>
  code === "ENOSPC" || code === "EDQUOT" || /no space left on device/i.test(message);

/** What failed while an image was kept: a full disk names what is full. */
export const explainWrite = (image: string, directory: string, error: unknown): Error =>
  isNoSpace(error as Error) ? isFull(image, directory) : (error as Error);

/** What failed while a VM's own layer was made. */
export const explainLayer = (directory: string, error: unknown): Error =>
  isNoSpace(error as Error)
    ? new ContainerDiskError(`the layer of the VM's own over a container disk cannot be made: ${fullCache(directory)}`)
    : (error as Error);

/** An image that skopeo does not copy. */
export const failedPull = (image: string, said: string): ImageError =>
  new PullError(`image ${image} cannot be pulled: ${said}`);

/** An image whose container does not do what a sidecar does. */
export const imageNotStarted = (
  binding: string,
  image: string,
  { ended, limits }: { readonly ended: boolean; readonly limits: string },
): BindingError =>
  new BindingError(
    "PLUGIN_FAILED",
    `image ${image}: as the sidecar of binding "${binding}" its container ${ended ? "ended" : "runs, and does not open its attach socket"}${limits}`,
    "name an image that npm run images makes, or one with a bundle of node sidecars/build.mjs: its command must start a sidecar",
  );

/** A text that names no image. */
export const invalidImage = (text: string, fix: string): ImageError =>
  new ImageError(`${JSON.stringify(text)} is not a valid image: ${fix}`);

const fullCache = (where: string): string =>
  `the file system of Netbind's cache is full (${where}): make room there, or set NETBIND_CACHE_DIR`;

/** A disk of the machine's that has no room for an image; `where` is a directory, or what was said. */
export const isFull = (image: string, where: string): ImageError => badImage(image, fullCache(where));

/** An image whose container starts nothing. */
export const noCommand = (image: string): ImageError =>
  badImage(image, "it names no command, so it is not a sidecar: KubeVirt starts a sidecar by its image's own");

/** An image that its registry does not have. */
export const missingImage = (image: string, said: string): MissingImageError =>
  new MissingImageError(`image ${image} is not there: ${said}: correct its name, or mirror it to that registry`);

/** An image of this machine's files that is not there. */
export const missingFile = (image: string, said: string): ImageError =>
  new ImageError(
    `image ${image} is not there: ${said}: correct the path, or the name behind it (oci: takes a directory with an index.json)`,
  );

/** An image without a disk; `isNamed` where the volume says where it is. */
export const noDisk = (image: string, path: string, isNamed: boolean): ImageError =>
  badImage(
    image,
    isNamed
      ? `it has no file at ${path}: correct the volume's path, or leave it out for the disk in /disk`
      : `it has no file at ${path}, so it is not a container disk: put one regular file, raw or qcow2, into /disk`,
  );

/** An image of other platforms alone. */
export const noPlatform = (image: string, known: readonly string[]): ImageError =>
  badImage(
    image,
    `it is for ${known.join(", ") || "no platform"}, and this machine needs linux/${process.arch === "x64" ? "amd64" : process.arch}`,
  );

/** A registry without TLS. */
export const plainRegistry = (image: string, said: string): ImageError =>
  new PullError(
    `image ${image}: its registry speaks no TLS: ${said}: serve it by HTTPS, or set insecure = true for it in /etc/containers/registries.conf`,
  );

/** An image that its registry does not give. */
export const refusedImage = (image: string, said: string): ImageError =>
  new PullError(
    `image ${image}: its registry refuses it: ${said}: give its password (skopeo login as root, --authfile, or a container disk's imagePullSecret), or mirror it to a registry that gives it`,
  );

/** A binding whose sidecar's image cannot be had; `mirror` is what to do about it, where another registry helps. */
export const sidecarImageError = (binding: string, cause: Error, mirror?: string): SidecarImageError =>
  new SidecarImageError(
    `sidecar of binding "${binding}": ${cause.message}${mirror === undefined ? "" : `\n    to mirror it: ${mirror}`}`,
    { cause },
  );

/** Several bindings whose sidecars' images cannot be had. */
export const sidecarImageErrors = (errors: readonly Error[]): SidecarImageError =>
  new SidecarImageError(`${errors.length} sidecars cannot be had${listed(errors)}`, {
    cause: new AggregateError(errors),
  });

/** A disk of which a layer has no holes. */
export const sparseDisk = (image: string, name: string): ImageError =>
  badImage(
    image,
    `${JSON.stringify(name)} is a sparse entry of its tar, and Netbind reads none: build the image without tar's --sparse`,
  );

/** An image with a file that is larger than any may be. */
export const tooLarge = (image: string, said: string): ImageError =>
  badImage(image, `it has more bytes than an image may (${said})`);

/** A registry that does not answer. */
export const unreachableRegistry = (image: string, said: string): UnreachableRegistryError =>
  new UnreachableRegistryError(`image ${image}: its registry is not in reach: ${said}`);

/** A registry whose certificate this machine does not trust. */
export const untrustedRegistry = (image: string, said: string): ImageError =>
  new PullError(
    `image ${image}: its registry's certificate is not trusted: ${said}: put its CA into /etc/containers/certs.d/HOST:PORT/ca.crt, or name it with SSL_CERT_FILE`,
  );
