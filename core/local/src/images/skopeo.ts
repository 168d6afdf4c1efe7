import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Exec, scaled } from "@netbind/netns";
import { explainSkopeo } from "./explain-skopeo.ts";
import { AUTH_FILE, hostCommand, usualAuthFile } from "./host-program.ts";
import { type ImageSource, SOURCE_DIRECTORY } from "./image-source.ts";
import { UNPACKED_LIMIT } from "./layer-entries.ts";

/** Passwords for registries, as skopeo login writes them: the path of a file, or a text that no file has. */
export type RegistryAuth = { readonly file: string } | { readonly text: string };

/** What skopeo is run with. */
export interface SkopeoContext {
  readonly exec: Exec;
  /** A directory of root's that it may write to. */
  readonly workspace: string;
  /** Aborted where nobody waits any longer. */
  readonly signal: AbortSignal;
  /** Absent: what skopeo login writes as root. */
  readonly auth?: RegistryAuth;
}

const ASK_DEADLINE = 60_000;
const COPY_DEADLINE = 2 * 60 * 60_000;
/** Where it sees its workspace. */
export const WORK = "/work";
const POLICY = "/etc/containers/policy.json";
/** How skopeo gets passwords inside its sandbox. */
interface GivenAuth extends Disposable {
  /** What they are from. */
  readonly from: string;
  /** Options of bubblewrap's. */
  readonly shown: readonly string[];
  readonly descriptors: readonly number[];
}

/** A file without a name: a text that was a Secret's is on no disk for longer than its command. */
function holdText(workspace: string, text: string): number {
  const path = join(workspace, "auth");
  const descriptor = openSync(path, "wx+", 0o600);
  rmSync(path);
  // From its beginning, where it is read from.
  writeSync(descriptor, text, 0);
  return descriptor;
}

/** Gives skopeo passwords; undefined where there are none. */
function giveAuth({ workspace, auth }: SkopeoContext): GivenAuth | undefined {
  if (auth !== undefined && "text" in auth) {
    const descriptor = holdText(workspace, auth.text);
    const shown = ["--ro-bind-data", "3", AUTH_FILE];
    return { from: "imagePullSecret", shown, descriptors: [descriptor], [Symbol.dispose]: () => closeSync(descriptor) };
  }
  const file = auth?.file ?? usualAuthFile(process.env);
  if (file === undefined) return undefined;
  return { from: file, shown: ["--ro-bind", file, AUTH_FILE], descriptors: [], [Symbol.dispose]: () => undefined };
}

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);

/** The caller's proxies, by the environment alone: an address may have a password, and everybody reads a command's arguments. */
const proxiesOf = (env: NodeJS.ProcessEnv): Readonly<Record<string, string>> =>
  Object.fromEntries(PROXIES.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));

async function skopeo(
  context: SkopeoContext,
  source: ImageSource,
  args: readonly string[],
  deadline: number,
): Promise<string> {
  const { exec, workspace, signal } = context;
  using auth = source.directory === undefined ? giveAuth(context) : undefined;
  const shown = [
    ...["--bind", workspace, WORK, "--setenv", "TMPDIR", WORK, "--setenv", "HOME", WORK],
    // The listed directory alone: a link in it leads nowhere else.
    ...(source.directory === undefined ? [] : ["--ro-bind", source.directory, SOURCE_DIRECTORY]),
    ...(auth?.shown ?? []),
  ];
  const [verb = "", ...rest] = args;
  const argv = [
    // This machine's policy of signatures counts, where it has one.
    ...(source.directory === undefined && existsSync(POLICY) ? ["skopeo"] : ["skopeo", "--insecure-policy"]),
    ...["--tmpdir", WORK, "--override-os", "linux", verb],
    ...(auth === undefined ? [] : ["--authfile", AUTH_FILE]),
    ...rest,
  ];
  const hasNetwork = source.directory === undefined;
  const command = await hostCommand({ argv, shown, fileSize: UNPACKED_LIMIT + scaled(1024 ** 2), hasNetwork });
  const env = hasNetwork ? proxiesOf(process.env) : {};
  const options = { deadline, signal, env, descriptors: auth?.descriptors ?? [] };
  return await exec(command, options).catch((error: unknown) => {
    signal.throwIfAborted();
    throw explainSkopeo(source, error, auth?.from);
  });
}

/** The manifest that a reference names, byte by byte. @throws ImageError */
export const askManifest = (context: SkopeoContext, source: ImageSource): Promise<string> =>
  skopeo(context, source, ["inspect", "--raw", source.reference], ASK_DEADLINE);

/** Copies an image as it is to a directory of the workspace: `manifest.json`, and a file for each blob. @throws ImageError */
export async function copyImage(context: SkopeoContext, source: ImageSource, name: string): Promise<void> {
  await skopeo(context, source, ["copy", "--quiet", source.reference, `dir:${WORK}/${name}`], COPY_DEADLINE);
}

/**
 * Makes an OCI layout of an image that was copied: what umoci reads, with layers in gzip, since its reader has nothing newer.
 * Both are in the workspace.
 *
 * @throws ImageError
 */
export async function layOut(context: SkopeoContext, text: string, name: string, layout: string): Promise<void> {
  const source = { text, reference: `dir:${WORK}/${name}`, directory: context.workspace, moves: false };
  const target = ["--dest-compress-format", "gzip", source.reference, `oci:${WORK}/${layout}:image`];
  await skopeo(context, source, ["copy", "--quiet", ...target], COPY_DEADLINE);
}
