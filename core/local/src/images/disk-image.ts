import { type CommandError, type Exec, scaled } from "@netbind/netns";
import { badImage } from "./errors.ts";
import { hostCommand } from "./host-program.ts";

/** What a disk is, as QEMU reads it. */
export interface DiskFacts {
  readonly format: "raw" | "qcow2";
  /** Bytes that a guest sees. */
  readonly virtualSize: number;
}

/** Bytes that a guest sees of a container disk: it may write as many into its own layer. */
const VIRTUAL_LIMIT = scaled(256 * 1024 ** 3);
const DEADLINE = 60_000;
/** Where qemu-img sees the disk. */
const SEEN = "/disk";

interface QemuInfo {
  readonly format?: unknown;
  readonly "virtual-size"?: unknown;
  readonly encrypted?: unknown;
  readonly "backing-filename"?: unknown;
  readonly "format-specific"?: { readonly data?: { readonly "data-file"?: unknown } };
}

/**
 * Looks at a disk that came out of an image: a raw one, or a qcow2 that is whole by itself. One that names another file would
 * have QEMU read whatever is there.
 *
 * @throws ImageError
 */
export async function inspectDisk(exec: Exec, image: string, disk: string): Promise<DiskFacts> {
  const argv = ["qemu-img", "info", "--output=json", SEEN];
  const command = await hostCommand({ argv, shown: ["--ro-bind", disk, SEEN], fileSize: 0 });
  const text = await exec(command, { deadline: DEADLINE }).catch((error: CommandError) => {
    throw badImage(image, `its disk cannot be read: ${error.stderr?.trim() || error.message}`);
  });
  const info = JSON.parse(text) as QemuInfo;
  const { format } = info;
  const virtualSize = Number(info["virtual-size"]);
  if (format !== "raw" && format !== "qcow2")
    throw badImage(image, `its disk is of the format ${JSON.stringify(format)}: KubeVirt takes raw and qcow2`);
  if (info["backing-filename"] !== undefined || info["format-specific"]?.data?.["data-file"] !== undefined)
    throw badImage(image, "its disk refers to another file, and a container disk must be whole by itself");
  if (info.encrypted === true) throw badImage(image, "its disk is encrypted");
  if (!(virtualSize > 0 && virtualSize <= VIRTUAL_LIMIT))
    throw badImage(image, `its disk has ${virtualSize} bytes for a guest: from 1 to ${VIRTUAL_LIMIT} are taken`);
  return { format, virtualSize };
}
