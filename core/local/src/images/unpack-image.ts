import { chmodSync, lstatSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type CommandError, removeTree, scaled } from "@netbind/netns";
import { badImage } from "./errors.ts";
import { hostCommand } from "./host-program.ts";
import type { CopiedImage } from "./image-entries.ts";
import { readLayer, UnpackBudget, type UnpackLimits } from "./layer-entries.ts";
import { layOut, type SkopeoContext, WORK } from "./skopeo.ts";

const DEADLINE = 10 * 60_000;
const LAYOUT = "layout";
/** Where an image is unpacked, in its entry's directory. */
export const ROOTFS = "rootfs";
/** Characters of what umoci says, which an image may make long. */
const MOST_SAID = 300;
/** Links on the way to a directory, as far as the kernel follows them. */
const MOST_LINKS = 40;
/** Set-user-ID and set-group-ID: an image's files are on this machine, where its users could run them. */
const BECOMES_ANOTHER = 0o6000;

/** What a container's image may have: far more than any sidecar's has. */
export const CONTAINER_LIMITS: UnpackLimits = { bytes: scaled(4 * 1024 ** 3), entries: scaled(200_000) };

/** Reads all of an image once, before anything of it is unpacked. @throws ImageError where it has more than it may */
async function measure({ text, layers }: CopiedImage, limits: UnpackLimits, signal: AbortSignal): Promise<void> {
  const budget = new UnpackBudget(text, limits, signal);
  for (const layer of layers) await readLayer(layer, budget, async () => undefined);
}

const partsOf = (path: string): readonly string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/**
 * Makes a directory of an image's root, with links on the way to it followed as its programs see them: none leads out of
 * that root. Nobody else may write there.
 *
 * @throws Error where something else is in its place
 */
export function makeInRoot(root: string, path: string): void {
  let [done, left]: [readonly string[], readonly string[]] = [[], partsOf(path)];
  for (let links = 0; left.length > 0; ) {
    const [name = "", ...rest] = left;
    const there = join(root, ...done, name);
    const found = name === ".." ? undefined : lstatSync(there, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() === true && ++links <= MOST_LINKS) {
      const target = readlinkSync(there);
      [done, left] = [target.startsWith("/") ? [] : done, [...partsOf(target), ...rest]];
      continue;
    }
    if (name !== ".." && found === undefined) mkdirSync(there, { mode: 0o755 });
    else if (found !== undefined && !found.isDirectory())
      throw new Error(`/${[...done, name].join("/")} is in the way`);
    [done, left] = [name === ".." ? done.slice(0, -1) : [...done, name], rest];
  }
}

/** Takes from a tree's files what would make who runs one another user. */
function dropSetId(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink()) continue;
    const { mode } = lstatSync(path);
    if ((mode & BECOMES_ANOTHER) !== 0) chmodSync(path, mode & 0o1777);
    if (entry.isDirectory()) dropSetId(path);
  }
}

/** Runs umoci on what a stranger made: it sees the workspace alone, and has no network and no capability. */
async function unpack({ text }: CopiedImage, { exec, workspace, signal }: SkopeoContext): Promise<void> {
  const argv = ["umoci", "raw", "unpack", "--rootless", "--image", `${WORK}/${LAYOUT}:image`, `${WORK}/${ROOTFS}`];
  const shown = ["--bind", workspace, WORK, "--setenv", "HOME", WORK, "--setenv", "TMPDIR", WORK];
  const command = await hostCommand({ argv, shown, fileSize: CONTAINER_LIMITS.bytes });
  await exec(command, { deadline: DEADLINE, signal }).catch((error: CommandError) => {
    signal.throwIfAborted();
    if (/no space left on device/i.test(error.stderr ?? "")) throw error;
    const said = error.stderr?.trim().split("\n").at(-1) ?? "";
    throw badImage(text, `it cannot be unpacked: ${(said || error.message).trim().slice(0, MOST_SAID)}`);
  });
}

/**
 * Unpacks an image that was copied into `rootfs` of its workspace, with the directories that its container mounts on. All files
 * are root's, whatever the image says; devices are left out.
 *
 * @throws ImageError
 */
export async function unpackImage(
  image: CopiedImage,
  context: SkopeoContext,
  { mounts, limits = CONTAINER_LIMITS }: { readonly mounts: readonly string[]; readonly limits?: UnpackLimits },
): Promise<void> {
  const { exec, workspace } = context;
  await measure(image, limits, context.signal);
  await layOut(context, image.text, image.name, LAYOUT);
  await unpack(image, context);
  await removeTree(exec, join(workspace, LAYOUT));
  const rootfs = join(workspace, ROOTFS);
  dropSetId(rootfs);
  try {
    for (const mount of mounts) makeInRoot(rootfs, mount);
  } catch (error) {
    throw badImage(image.text, (error as Error).message);
  }
}
