import { chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CloudInitSource, podHostname, type Vmi, type VmiVolume } from "@netbind/engine";
import { derivedName, type Run } from "@netbind/netns";
import type { Image } from "./image.ts";
import { type HostDiskRecord, hostDiskPath } from "./host-disks.ts";
import { imageCommand } from "./image-command.ts";
import type { VmUser } from "./vm-user.ts";

/** The text of Secrets and ConfigMaps, by name in the VM's namespace. */
export interface ReferencedData {
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** KubeVirt's JSON of cloud-init data, as it goes through the PreCloudInitIso hook. */
export interface CloudInitData {
  readonly DataSource: "noCloud";
  readonly NoCloudMetaData: { readonly "instance-id": string; readonly "local-hostname": string };
  readonly UserData: string;
  readonly NetworkData: string;
  readonly VolumeName: string;
}

/** A disk that the guest gets. */
export interface GuestDisk {
  readonly name: string;
  /** Path inside the launcher. */
  readonly path: string;
  readonly readonly: boolean;
  readonly bus: string;
  readonly bootOrder?: number;
  /** True where a guest can boot from it. */
  readonly bootable: boolean;
  /** True for a block device. */
  readonly block?: boolean;
}

/** What became of a VM's volumes. */
export interface PreparedVolumes {
  readonly disks: readonly GuestDisk[];
  /** One sentence for each volume that is left out. */
  readonly warnings: readonly string[];
}

/** A volume that refers to something that is not in the input, or not usable. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** The file of a disk that is made of text, by its volume's place in the VM. */
const isoName = (at: number): string => derivedName("disk", at, ".iso");

/** What a map has under a key that a document names, and nothing that it inherits. */
const own = <T>(map: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(map, key) ? map[key] : undefined);

const decode = (text: string): string => Buffer.from(text, "base64").toString("utf8");

function secretValue(volume: string, data: ReferencedData, name: string, keys: readonly string[]): string {
  const secret = own(data.secrets, name);
  if (secret === undefined)
    throw new VolumeError(`volume "${volume}" refers to Secret "${name}", which is not in the input: add its file with -f`);
  const key = keys.find((candidate) => Object.hasOwn(secret, candidate));
  if (key === undefined)
    throw new VolumeError(
      `volume "${volume}" needs the key "${keys[0]}" in Secret "${name}", which has: ${Object.keys(secret).join(", ")}`,
    );
  return secret[key] ?? "";
}

/** The cloud-init data of a volume, with what it refers to filled in. */
export function cloudInitData(vmi: Vmi, volume: string, source: CloudInitSource, data: ReferencedData): CloudInitData {
  const userData =
    source.userData ??
    (source.userDataBase64 === undefined ? undefined : decode(source.userDataBase64)) ??
    (source.secretRef === undefined ? undefined : secretValue(volume, data, source.secretRef.name, ["userdata", "userData"]));
  const networkData =
    source.networkData ??
    (source.networkDataBase64 === undefined ? undefined : decode(source.networkDataBase64)) ??
    (source.networkDataSecretRef === undefined
      ? undefined
      : secretValue(volume, data, source.networkDataSecretRef.name, ["networkdata", "networkData"]));
  return {
    DataSource: "noCloud",
    NoCloudMetaData: { "instance-id": `${vmi.metadata.name}.${vmi.metadata.namespace}`, "local-hostname": podHostname(vmi) },
    UserData: userData ?? "",
    NetworkData: networkData ?? "",
    VolumeName: volume,
  };
}

/** The files of a NoCloud disk. */
export const noCloudFiles = (data: CloudInitData): Readonly<Record<string, string>> => ({
  "meta-data": `${JSON.stringify(data.NoCloudMetaData)}\n`,
  "user-data": data.UserData,
  ...(data.NetworkData === "" ? {} : { "network-config": data.NetworkData }),
});

/** What is put on a disk. */
interface IsoContent {
  readonly label: string;
  /** By a name that KubeVirt or Kubernetes takes for a file of such a volume. */
  readonly files: Readonly<Record<string, string>>;
}

/** Puts files on an ISO 9660 disk, with the image's own tool. */
async function buildIso(
  { run, image, directory, user }: VolumeContext,
  volume: VmiVolume,
  file: string,
  { label, files }: IsoContent,
): Promise<void> {
  // Root's own directory: in its user namespace the tool may not enter the VM's.
  const workspace = join(directory, "../../iso");
  rmSync(workspace, { recursive: true, force: true });
  const tree = join(workspace, "files");
  mkdirSync(tree, { recursive: true, mode: 0o700 });
  for (const [key, text] of Object.entries(files)) {
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(key) || key === "." || key.startsWith(".."))
      throw new VolumeError(`volume "${volume.name}": ${JSON.stringify(key)} is not a valid name of a file on its disk`);
    writeFileSync(join(tree, key), text, { mode: 0o644, flag: "wx" });
  }
  const make = ["genisoimage", "-quiet", "-joliet", "-rock", "-volid", label, "-output", "/netbind/disk.iso", "/netbind/files"];
  await run(await imageCommand({ image, argv: make, shown: ["--bind", workspace, "/netbind"] }));
  const iso = join(directory, file);
  renameSync(join(workspace, "disk.iso"), iso);
  rmSync(workspace, { recursive: true });
  chownSync(iso, user.uid, user.gid);
}

/** Turns one volume into a disk's file, or says why it is left out. */
export interface VolumeContext {
  readonly run: Run;
  readonly image: Image;
  readonly vmi: Vmi;
  readonly user: VmUser;
  readonly data: ReferencedData;
  /** The disks of the machine's that it was given. */
  readonly hostDisks: readonly HostDiskRecord[];
  /** Directory of the launcher's disks on the machine. */
  readonly directory: string;
  /** The PreCloudInitIso hook of the VM's sidecars. */
  readonly preCloudInitIso: (data: CloudInitData) => Promise<CloudInitData>;
}

type VolumeFile = Pick<GuestDisk, "path" | "readonly" | "bootable" | "block">;

async function prepareVolume(context: VolumeContext, volume: VmiVolume, at: number): Promise<VolumeFile | string> {
  const { vmi, data } = context;
  const iso = async (label: string, files: Readonly<Record<string, string>>): Promise<VolumeFile> => {
    await buildIso(context, volume, isoName(at), { label, files });
    return { path: `/netbind/disks/${isoName(at)}`, readonly: true, bootable: false };
  };
  if (volume.cloudInitNoCloud !== undefined) {
    return iso("cidata", noCloudFiles(await context.preCloudInitIso(cloudInitData(vmi, volume.name, volume.cloudInitNoCloud, data))));
  }
  const [files, kind, name] = volume.configMap
    ? [own(data.configMaps, volume.configMap.name), "ConfigMap", volume.configMap.name]
    : volume.secret
      ? [own(data.secrets, volume.secret.secretName), "Secret", volume.secret.secretName]
      : [undefined, "", ""];
  if (kind !== "") {
    if (files === undefined)
      throw new VolumeError(`volume "${volume.name}" refers to ${kind} "${name}", which is not in the input: add its file with -f`);
    return iso("cfgdata", files);
  }
  if (volume.hostDisk !== undefined) {
    const block = context.hostDisks.some((disk) => disk.volume === at && disk.block);
    return { path: hostDiskPath(at), readonly: false, bootable: true, block };
  }
  if (volume.containerDisk !== undefined)
    return `it is the container disk ${volume.containerDisk.image}, and pulling images is a cluster's job`;
  return `its source (${
    Object.keys(volume)
      .filter((key) => key !== "name")
      .join(", ") || "none"
  }) needs a cluster`;
}

/** The files of a launcher's disks that were made of text. */
export function madeDisks({ spec }: Vmi): readonly string[] {
  const names = new Set((spec.domain.devices.disks ?? []).map(({ name }) => name));
  return (spec.volumes ?? []).flatMap(({ name, cloudInitNoCloud, configMap, secret }, at) =>
    names.has(name) && (cloudInitNoCloud ?? configMap ?? secret) !== undefined ? [isoName(at)] : [],
  );
}

/**
 * Makes the disks of a VM's volumes, in the order of `spec.domain.devices.disks`. What one machine cannot provide is
 * left out, with a warning that names it.
 *
 * @throws VolumeError where a volume refers to something that is missing or unusable
 */
export async function prepareVolumes(context: VolumeContext): Promise<PreparedVolumes> {
  const { spec } = context.vmi;
  const disks: GuestDisk[] = [];
  const warnings: string[] = [];
  for (const [at, volume] of (spec.volumes ?? []).entries()) {
    const disk = spec.domain.devices.disks?.find(({ name }) => name === volume.name);
    const prepared = disk === undefined ? "no entry of spec.domain.devices.disks has its name" : await prepareVolume(context, volume, at);
    if (typeof prepared === "string" || disk === undefined) {
      warnings.push(`volume "${volume.name}" is left out: ${prepared}`);
      continue;
    }
    disks.push({
      name: volume.name,
      path: prepared.path,
      readonly: prepared.readonly || disk.cdrom !== undefined,
      bus: disk.disk?.bus ?? disk.cdrom?.bus ?? disk.lun?.bus ?? "virtio",
      bootable: prepared.bootable,
      ...(prepared.block === true ? { block: true } : {}),
      ...(disk.bootOrder === undefined ? {} : { bootOrder: disk.bootOrder }),
    });
  }
  return { disks, warnings };
}
