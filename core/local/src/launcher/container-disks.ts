import { chmodSync, chownSync, closeSync, constants, openSync } from "node:fs";
import { basename, join } from "node:path";
import { defined, type Violation, violation } from "@netbind/contract";
import type { ReferencedData, Vmi, VmiVolume } from "@netbind/kubevirt";
import { derivedName, type Exec, FILE_LIMIT, makeDirectory, removeTree } from "@netbind/netns";
import { type CachedDisk, cachedDiskPath, ensureContainerDisk } from "../images/container-disk-cache.ts";
import { type ImageCache, isPullPolicy } from "../images/image-cache.ts";
import { diskComponents } from "../images/find-disk.ts";
import { hostCommand } from "../images/host-program.ts";
import { readImageSource } from "../images/image-source.ts";
import type { RegistryAuth } from "../images/skopeo.ts";
import { secretValue } from "./secret-value.ts";
import type { State } from "../record/state.ts";
import { vmOfPod } from "../record/state.ts";
import type { HeldDisk, HostDiskPolicy } from "./host-disks.ts";
import type { VmUser } from "./vm-user.ts";
import {
  containerDiskError,
  containerDiskErrors,
  explainLayer,
  invalidPullPolicy,
  lostDisk,
  UnreachableRegistryError,
} from "../images/errors.ts";
import { VolumeError } from "../errors.ts";

/** A container disk that a VM was given: the base that it shares with others, and the format of that. */
export interface ContainerDiskRecord extends Pick<CachedDisk, "base" | "format"> {
  /** Its volume's place in the VM. */
  readonly volume: number;
}

/** What became of a VM's container disks. */
export interface FoundContainerDisks {
  readonly disks: readonly ContainerDiskRecord[];
  /** Why one is left out, by its volume's place. */
  readonly missing: ReadonlyMap<number, string>;
}

/** Where the launcher sees a VM's own layer, and the base below it. */
export const overlayPath = (volume: number): string => `/disks/${derivedName("layer", volume, ".qcow2")}`;
export const basePath = (volume: number): string => `/disks/${derivedName("base", volume, ".img")}`;

/** The directory of a VM's own layers: on a disk, where what a guest writes takes no memory. */
export const overlayDirectory = ({ cache, root }: State, pod: string): string =>
  join(cache, "layers", derivedName("vm", { text: `${root} ${vmOfPod(pod)}` }));
const overlayFile = (state: State, pod: string, volume: number): string =>
  join(overlayDirectory(state, pod), basename(overlayPath(volume)));

/** A volume that is a container disk, and that a disk shows. */
interface NamedContainerDisk {
  /** Its place among the VM's volumes. */
  readonly volume: number;
  readonly name: string;
  readonly containerDisk: NonNullable<VmiVolume["containerDisk"]>;
}

function containerDisksOf({ spec }: Vmi): readonly NamedContainerDisk[] {
  const shown = new Set((spec.domain.devices.disks ?? []).map(({ name }) => name));
  return (spec.volumes ?? []).flatMap(({ name, containerDisk }, volume) =>
    containerDisk === undefined || !shown.has(name) ? [] : [{ volume, name, containerDisk }],
  );
}

/** What is wrong with the names of a VM's container disks, all at once. Asks no registry, and changes nothing. */
export function checkContainerDisks(vmi: Vmi, policy: HostDiskPolicy): readonly Violation[] {
  const check = (read: () => unknown, field: string): readonly Violation[] => {
    try {
      read();
      return [];
    } catch (error) {
      const fix = "name an image by NAME:TAG, or a file of one below a directory that --host-disk DIR lists";
      return [violation(field, (error as Error).message, fix)];
    }
  };
  return containerDisksOf(vmi).flatMap(({ volume, containerDisk: { image, path, imagePullPolicy } }) => {
    const field = `spec.volumes[${volume}].containerDisk`;
    return [
      ...check(() => readImageSource(image, policy), `${field}.image`),
      ...check(() => diskComponents(image, path), `${field}.path`),
      ...(imagePullPolicy && !isPullPolicy(imagePullPolicy)
        ? [violation(`${field}.imagePullPolicy`, invalidPullPolicy(imagePullPolicy), "correct it, or leave it out")]
        : []),
    ];
  });
}

/** What container disks are fetched by. */
export interface ContainerDiskInput {
  readonly policy: HostDiskPolicy;
  /** The Secrets of the VM's namespace are among it. */
  readonly data: ReferencedData;
}

/** The key of a Secret of type kubernetes.io/dockerconfigjson. */
const DOCKER_CONFIG = ".dockerconfigjson";

/** The passwords that a volume names. @throws VolumeError where its Secret has none */
const pullSecret = (volume: string, secret: string, data: ReferencedData): RegistryAuth => ({
  text: secretValue(volume, data, secret, [DOCKER_CONFIG]),
});

/**
 * Fetches a VM's container disks, before anything of it is made. One whose registry is not in reach is left out.
 *
 * @throws ContainerDiskError, VolumeError with all that cannot be had
 */
export async function fetchContainerDisks(
  cache: ImageCache,
  vmi: Vmi,
  { policy, data }: ContainerDiskInput,
): Promise<FoundContainerDisks> {
  const disks: ContainerDiskRecord[] = [];
  const failed: Error[] = [];
  const missing = new Map<number, string>();
  for (const { volume, name, containerDisk } of containerDisksOf(vmi)) {
    const { image, path, imagePullPolicy, imagePullSecret } = containerDisk;
    try {
      const auth = imagePullSecret ? pullSecret(name, imagePullSecret, data) : cache.auth;
      const request = defined({ source: readImageSource(image, policy), path, pullPolicy: imagePullPolicy });
      const { base, format } = await ensureContainerDisk({ ...cache, ...defined({ auth }) }, request);
      disks.push({ volume, base, format });
    } catch (error) {
      cache.signal.throwIfAborted();
      if (error instanceof UnreachableRegistryError) missing.set(volume, error.message);
      else failed.push(error instanceof VolumeError ? error : containerDiskError(name, error as Error));
    }
  }
  if (failed.length > 0) throw failed.length === 1 ? failed[0] : containerDiskErrors(failed);
  return { disks, missing };
}

/** Makes a VM's own layers over its container disks: what its guest writes is there, and goes with it. */
export async function makeOverlays(
  { state, exec }: { readonly state: State; readonly exec: Exec },
  pod: string,
  { uid, gid }: VmUser,
  disks: readonly ContainerDiskRecord[],
): Promise<void> {
  if (disks.length === 0) return;
  const directory = overlayDirectory(state, pod);
  await removeTree(exec, directory);
  makeDirectory(directory, 0o700);
  for (const { volume, base, format } of disks) {
    const [own, below] = [overlayPath(volume), basePath(volume)];
    const create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", format, own];
    const shown = ["--perms", "0755", "--dir", "/disks", "--bind", directory, "/disks/own"];
    const argv = [...create.slice(0, -1), `/disks/own/${basename(own)}`];
    const seen = [...shown, "--ro-bind", cachedDiskPath(state.cache, base), below];
    const command = await hostCommand({ argv, shown: seen, fileSize: FILE_LIMIT });
    await exec(command).catch((error: unknown) => {
      throw explainLayer(directory, error);
    });
    const file = overlayFile(state, pod, volume);
    chmodSync(file, 0o600);
    chownSync(file, uid, gid);
  }
}

/** @throws ContainerDiskError where it is not there: the cache may be removed while a VM runs */
function held(path: string, target: string, readonly: boolean): HeldDisk {
  try {
    const descriptor = openSync(path, (readonly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NOFOLLOW);
    return { descriptor, path, target, block: false, readonly, [Symbol.dispose]: () => closeSync(descriptor) };
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ENOENT" ? lostDisk(path) : error;
  }
}

/** Holds a recorded container disk as the launcher takes it: the base, and the VM's own layer over it. */
export const holdContainerDisk = (
  state: State,
  pod: string,
  { volume, base }: ContainerDiskRecord,
): readonly HeldDisk[] => [
  held(cachedDiskPath(state.cache, base), basePath(volume), true),
  held(overlayFile(state, pod, volume), overlayPath(volume), false),
];
