import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { waitUntil } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";

/** Where libvirt keeps what QEMU says, below a launcher's directory. */
const LOG_DIRECTORY = ["cache", "libvirt", "qemu", "log"] as const;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Bytes of a log that are looked at, from its end. */
const TAIL = 16 * 1024;
/** Characters of it that are reported. */
const LONGEST = 400;
const WRITTEN_WITHIN = 1000;

/** The last of a launcher's file. A process in the launcher may have replaced it: no link is followed. */
function readTail(directory: string, file: string): string {
  using held = HeldDirectory.open(directory, LOG_DIRECTORY);
  const descriptor = openSync(`${held.path}/${file}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return "";
    const tail = Buffer.alloc(Math.min(found.size, TAIL));
    readSync(descriptor, tail, 0, tail.length, found.size - tail.length);
    return tail.toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** Why QEMU ended, in libvirt's word, and its last words before; undefined where libvirt has not written it yet. */
export function endIn(log: string): { readonly reason: string; readonly said: string } | undefined {
  const lines = log.split("\n");
  // A command line stands before what it says: its lines begin with options, and all but the last go on.
  const command = lines.findLastIndex((line) => /^-|\\$/.test(line));
  const end = lines.findLastIndex((line) => line.includes(": shutting down, reason="));
  if (end <= command) return undefined;
  const text = (lines.slice(command + 1, end).findLast((line) => line !== "") ?? "it printed nothing").replace(
    /[^\x20-\x7e]/g,
    "?",
  );
  return {
    reason: /reason=(\w+)/.exec(lines[end] ?? "")?.[1] ?? "",
    said: text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text,
  };
}

function readEnd(directory: string, domain: string): ReturnType<typeof endIn> {
  try {
    return endIn(readTail(directory, `${domain}.log`));
  } catch {
    return undefined;
  }
}

/**
 * What a QEMU that is gone said last, where it crashed or was killed; undefined where its guest or a person ended it, or where
 * nothing of it is there. The text is one line of printable ASCII, and nothing more is known of who wrote it.
 *
 * @param directory the launcher's
 */
export async function qemuCrash(directory: string, domain: string): Promise<string | undefined> {
  // libvirt writes it a moment after QEMU is gone.
  await waitUntil(() => readEnd(directory, domain) !== undefined, WRITTEN_WITHIN, 50);
  const end = readEnd(directory, domain);
  return end?.reason === "crashed" ? end.said : undefined;
}
