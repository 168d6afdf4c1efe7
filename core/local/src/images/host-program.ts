import { existsSync } from "node:fs";
import { join } from "node:path";
import { findSandboxWay, OVER_FRESH_PROC, scaled } from "@netbind/netns";
import { missingCertificates } from "./errors.ts";

/** A program of the machine's to run on what strangers wrote. */
export interface HostProgram {
  readonly argv: readonly string[];
  /** Options of bubblewrap's. */
  readonly shown: readonly string[];
  /** True where it speaks to a registry. */
  readonly hasNetwork?: boolean;
  /** Bytes that any file of its may have. */
  readonly fileSize: number;
}

const TMP = scaled(64 * 1024 ** 2);
/** What of the machine's settings finds registries and trusts them. */
const SETTINGS = [
  ...["containers", "docker/certs.d", "ssl", "ca-certificates", "pki"],
  ...["resolv.conf", "hosts", "nsswitch.conf"],
].map((name) => `/etc/${name}`);
const OWN_ROOTS = "SSL_CERT_FILE";
const CERTIFICATES = "/tmp/certificates.pem";

/** The certificates that the caller's environment names, as Go's programs read it. @throws SettingError */
function certificates(env: NodeJS.ProcessEnv): readonly string[] {
  const file = env[OWN_ROOTS];
  if (file && !existsSync(file)) throw missingCertificates(OWN_ROOTS, file);
  return file ? ["--ro-bind", file, CERTIFICATES, "--setenv", OWN_ROOTS, CERTIFICATES] : [];
}

/** Where the sandbox shows passwords for registries. */
export const AUTH_FILE = "/tmp/auth.json";
/** Where the caller's tools keep passwords for registries, as containers-auth.json(5) says; a session's own before the user's. */
export function usualAuthFile(env: NodeJS.ProcessEnv): string | undefined {
  const below = (directory: string | undefined, ...path: readonly string[]): readonly string[] =>
    directory ? [join(directory, ...path)] : [];
  const home = env["HOME"] || "/root";
  const places = [
    ...below(env["REGISTRY_AUTH_FILE"]),
    ...below(env["XDG_RUNTIME_DIR"], "containers/auth.json"),
    "/run/containers/0/auth.json",
    ...below(env["XDG_CONFIG_HOME"] || join(home, ".config"), "containers/auth.json"),
    ...below(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"),
  ];
  return places.find((place) => existsSync(place));
}

/**
 * The command that runs a program of the machine's without a capability, shut off: it sees programs and libraries, and of
 * other files what `shown` binds for it.
 *
 * @throws SandboxError where this machine lets no sandbox be made
 */
export async function hostCommand({
  argv,
  shown,
  hasNetwork = false,
  fileSize,
}: HostProgram): Promise<readonly string[]> {
  // An ordinary user has one way only, as for the plugins that a command asks.
  const way = process.geteuid?.() === 0 ? (await findSandboxWay()).way : "user-namespace";
  const user = way === "no-user-namespace" ? [] : ["--unshare-user"];
  const others = ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"];
  const network = hasNetwork
    ? [...SETTINGS.flatMap((path) => ["--ro-bind-try", path, path]), ...certificates(process.env)]
    : ["--unshare-net"];
  return [
    ...(way === "fresh-proc" ? OVER_FRESH_PROC : []),
    ...["prlimit", `--fsize=${fileSize}`, "--core=0", "--"],
    ...["bwrap", "--die-with-parent", "--new-session", ...user, ...others, "--cap-drop", "ALL"],
    ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--proc", "/proc"],
    ...["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"],
    ...["--size", String(TMP), "--tmpfs", "/tmp", ...network, ...shown, "--remount-ro", "/dev", "--", ...argv],
  ];
}
