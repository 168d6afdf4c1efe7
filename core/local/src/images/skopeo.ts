import { existsSync } from "node:fs";
import { CommandError, type Exec, scaled } from "@netbind/netns";
import { AUTH_FILE, hostCommand, usualAuthFile } from "./host-program.ts";
import { type ImageSource, SOURCE_DIRECTORY } from "./image-source.ts";
import { UNPACKED_LIMIT } from "./layer-entries.ts";
import {
  changedBlob,
  failedPull,
  type ImageError,
  isFull,
  missingImage,
  refusedImage,
  unreachableRegistry,
} from "./errors.ts";

/** What skopeo is run with. */
export interface SkopeoContext {
  readonly exec: Exec;
  /** A directory of root's that it may write to. */
  readonly workspace: string;
  /** Aborted where nobody waits any longer. */
  readonly signal: AbortSignal;
  /** A file of passwords for registries; absent: the one that skopeo login writes as root. */
  readonly authFile?: string;
}

const ASK_DEADLINE = 60_000;
const COPY_DEADLINE = 2 * 60 * 60_000;
/** Where it sees its workspace. */
export const WORK = "/work";
const POLICY = "/etc/containers/policy.json";
/** What skopeo says, and what that is to the person who asked for an image. */
const REASONS: readonly (readonly [RegExp, (image: string, said: string) => ImageError])[] = [
  [/no space left on device|file too large/i, (image, said) => isFull(image, said)],
  [
    /no such host|connection refused|i\/o timeout|network is unreachable|no route to host|handshake timeout|deadline exceeded|server misbehaving|failure in name resolution|connection reset/i,
    unreachableRegistry,
  ],
  [/digest did not match|does not match|doesn't match|digest mismatch|unexpected digest/i, changedBlob],
  [
    /unauthorized|authentication required|access to the resource is denied|denied:|status code 40[13]|invalid username/i,
    refusedImage,
  ],
  [/manifest unknown|name unknown|not found|no such file|status code 404|repository (name )?not known/i, missingImage],
];

/** What skopeo says at its end, without what surrounds it. */
const lastWords = (stderr: string): string => {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replace(/\\(.)/g, "$1") ?? line;
};

/** Why skopeo failed, in terms of the image. */
export function explainSkopeo(image: string, error: unknown): Error {
  if (!(error instanceof CommandError)) return error as Error;
  const said = lastWords(error.stderr) || error.message;
  const reason = REASONS.find(([words]) => words.test(said))?.[1] ?? failedPull;
  return reason(image, said);
}

async function skopeo(
  { exec, workspace, signal, authFile }: SkopeoContext,
  source: ImageSource,
  args: readonly string[],
  deadline: number,
): Promise<string> {
  const auth = source.directory === undefined ? (authFile ?? usualAuthFile(process.env)) : undefined;
  const shown = [
    ...["--bind", workspace, WORK, "--setenv", "TMPDIR", WORK, "--setenv", "HOME", WORK],
    // The listed directory alone: a link in it leads nowhere else.
    ...(source.directory === undefined ? [] : ["--ro-bind", source.directory, SOURCE_DIRECTORY]),
    ...(auth === undefined ? [] : ["--ro-bind", auth, AUTH_FILE]),
  ];
  const [verb = "", ...rest] = args;
  const argv = [
    // This machine's policy of signatures counts, where it has one.
    ...(source.directory === undefined && existsSync(POLICY) ? ["skopeo"] : ["skopeo", "--insecure-policy"]),
    ...["--tmpdir", WORK, "--override-os", "linux", verb],
    ...(auth === undefined ? [] : ["--authfile", AUTH_FILE]),
    ...rest,
  ];
  const command = await hostCommand({
    ...{ argv, shown, fileSize: UNPACKED_LIMIT + scaled(1024 ** 2) },
    hasNetwork: source.directory === undefined,
  });
  return await exec(command, { deadline, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw explainSkopeo(source.text, error);
  });
}

/** The manifest that a reference names, byte by byte. @throws ImageError */
export const askManifest = (context: SkopeoContext, source: ImageSource): Promise<string> =>
  skopeo(context, source, ["inspect", "--raw", source.reference], ASK_DEADLINE);

/** Copies an image as it is to a directory of the workspace: `manifest.json`, and a file for each blob. @throws ImageError */
export async function copyImage(context: SkopeoContext, source: ImageSource, name: string): Promise<void> {
  await skopeo(context, source, ["copy", "--quiet", source.reference, `dir:${WORK}/${name}`], COPY_DEADLINE);
}

/** Makes an OCI layout of an image that was copied: what umoci reads. Both are in the workspace. @throws ImageError */
export async function layOut(context: SkopeoContext, text: string, name: string, layout: string): Promise<void> {
  const source = { text, reference: `dir:${WORK}/${name}`, directory: context.workspace, moves: false };
  await skopeo(context, source, ["copy", "--quiet", source.reference, `oci:${WORK}/${layout}:image`], COPY_DEADLINE);
}
