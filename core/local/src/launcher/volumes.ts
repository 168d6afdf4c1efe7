import { defined } from "@netbind/contract";
import type { CloudInitSource, ReferencedData, Vmi, VmiDisk, VmiVolume } from "@netbind/kubevirt";
import { podHostname } from "@netbind/kubevirt/pod";
import { basePath, type FoundContainerDisks, overlayPath } from "./container-disks.ts";
import { type HostDiskRecord, hostDiskPath } from "./host-disks.ts";
import { type DiskLocation, madeDiskPath, makeDisk } from "./made-disks.ts";
import { ownValue, secretValue } from "./secret-value.ts";
import { invalidFileName, missingReference } from "../errors.ts";

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
  /** What a guest finds it by. */
  readonly serial?: string;
  /** True where a guest can boot from it. */
  readonly bootable: boolean;
  /** True for a block device. */
  readonly block?: boolean;
  /** The disk below one that is a VM's own layer; absent: it is raw, and stands by itself. */
  readonly base?: { readonly path: string; readonly format: "raw" | "qcow2" };
}

/** What became of a VM's volumes. */
export interface PreparedVolumes {
  readonly disks: readonly GuestDisk[];
  /** One sentence for each volume that is left out. */
  readonly warnings: readonly string[];
}

const decode = (text: string): string => Buffer.from(text, "base64").toString("utf8");

/** The cloud-init data of a volume, with what it refers to filled in. */
export function cloudInitData(vmi: Vmi, volume: string, source: CloudInitSource, data: ReferencedData): CloudInitData {
  const userData =
    source.userData ??
    (source.userDataBase64 === undefined ? undefined : decode(source.userDataBase64)) ??
    (source.secretRef === undefined
      ? undefined
      : secretValue(volume, data, source.secretRef.name, ["userdata", "userData"]));
  const networkData =
    source.networkData ??
    (source.networkDataBase64 === undefined ? undefined : decode(source.networkDataBase64)) ??
    (source.networkDataSecretRef === undefined
      ? undefined
      : secretValue(volume, data, source.networkDataSecretRef.name, ["networkdata", "networkData"]));
  return {
    DataSource: "noCloud",
    NoCloudMetaData: {
      "instance-id": `${vmi.metadata.name}.${vmi.metadata.namespace}`,
      "local-hostname": podHostname(vmi),
    },
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

/** The files of a disk, whose names KubeVirt or Kubernetes takes. @throws VolumeError */
function checkedFiles(volume: string, files: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const name of Object.keys(files)) {
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(name) || name === "." || name.startsWith(".."))
      throw invalidFileName(volume, name);
  }
  return files;
}

/** Turns one volume into a disk's file, or says why it is left out. */
export interface VolumeContext extends DiskLocation {
  readonly vmi: Vmi;
  readonly data: ReferencedData;
  /** The disks of the machine's that it was given. */
  readonly hostDisks: readonly HostDiskRecord[];
  /** The container disks that it was given, and why others are left out. */
  readonly containerDisks: FoundContainerDisks;
  /** The PreCloudInitIso hook of the VM's sidecars. */
  readonly preCloudInitIso: (data: CloudInitData) => Promise<CloudInitData>;
}

type VolumeFile = Pick<GuestDisk, "path" | "readonly" | "bootable" | "block" | "base">;

function containerDisk({ disks, missing }: FoundContainerDisks, image: string, volume: number): VolumeFile | string {
  const found = disks.find((disk) => disk.volume === volume);
  if (found === undefined) return `it is the container disk ${image}: ${missing.get(volume) ?? "it was not fetched"}`;
  const base = { path: basePath(volume), format: found.format };
  return { path: overlayPath(volume), readonly: false, bootable: true, base };
}

async function prepareVolume(context: VolumeContext, volume: VmiVolume, at: number): Promise<VolumeFile | string> {
  const { vmi, data } = context;
  const iso = async (label: string, files: Readonly<Record<string, string>>): Promise<VolumeFile> => {
    await makeDisk(context, { volume: at, label, files: checkedFiles(volume.name, files) });
    return { path: madeDiskPath(at), readonly: true, bootable: false };
  };
  if (volume.cloudInitNoCloud !== undefined) {
    return iso(
      "cidata",
      noCloudFiles(await context.preCloudInitIso(cloudInitData(vmi, volume.name, volume.cloudInitNoCloud, data))),
    );
  }
  const [files, kind, name] = volume.configMap
    ? [ownValue(data.configMaps, volume.configMap.name), "ConfigMap", volume.configMap.name]
    : volume.secret
      ? [ownValue(data.secrets, volume.secret.secretName), "Secret", volume.secret.secretName]
      : [undefined, "", ""];
  if (kind !== "") {
    if (files === undefined) throw missingReference(volume.name, kind, name);
    return iso("cfgdata", files);
  }
  if (volume.hostDisk !== undefined) {
    const block = context.hostDisks.some((disk) => disk.volume === at && disk.block);
    return { path: hostDiskPath(at), readonly: false, bootable: true, block };
  }
  if (volume.containerDisk !== undefined) return containerDisk(context.containerDisks, volume.containerDisk.image, at);
  return `its source (${
    Object.keys(volume)
      .filter((key) => key !== "name")
      .join(", ") || "none"
  }) needs a cluster`;
}

/** Where a guest sees a disk: a CD-ROM is on no virtio bus. */
const busOf = ({ disk, cdrom, lun }: VmiDisk): string =>
  disk?.bus || cdrom?.bus || lun?.bus || (cdrom === undefined ? "virtio" : "sata");

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
    const prepared =
      disk === undefined
        ? "no entry of spec.domain.devices.disks has its name"
        : await prepareVolume(context, volume, at);
    if (typeof prepared === "string" || disk === undefined) {
      warnings.push(`volume "${volume.name}" is left out: ${prepared}`);
      continue;
    }
    disks.push({
      name: volume.name,
      path: prepared.path,
      readonly: prepared.readonly || disk.cdrom !== undefined || disk.disk?.readonly === true,
      bus: busOf(disk),
      bootable: prepared.bootable,
      ...(prepared.block === true ? { block: true } : {}),
      ...defined({ base: prepared.base }),
      ...defined({ bootOrder: disk.bootOrder, serial: disk.serial || undefined }),
    });
  }
  return { disks, warnings };
}
