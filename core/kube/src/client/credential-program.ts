import { spawnSync } from "node:child_process";
import { dirname, resolve } from "node:path";
import { isObject } from "@netbind/contract/shape";
import type { ApiCredentials } from "./connection.ts";

/** A program that a kubeconfig names for a user's credentials (`users[].user.exec`). */
export interface CredentialProgram {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What to do where the program is missing. */
  readonly installHint: string;
  readonly interactiveMode: "Never" | "IfAvailable" | "Always";
  /** True where the program is given what the kubeconfig says of the cluster. */
  readonly provideClusterInfo: boolean;
}

/** What a program is given of a cluster, in the form of `ExecCredential.spec.cluster`. */
export type ClusterInfo = Readonly<Record<string, unknown>>;

/** What a program has given, and until when it counts. */
export interface GivenCredentials {
  readonly credentials: Pick<ApiCredentials, "token" | "cert" | "key">;
  /** Milliseconds since 1970; absent: as long as this process. */
  readonly expires?: number;
}

const VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] as const;
const MODES = ["Never", "IfAvailable", "Always"] as const;
/** Bytes that are read of an answer. */
const MOST = 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;
const isText = (value: unknown): value is string => typeof value === "string";
const isNone = (value: unknown): boolean => value === undefined || value === null;

function environmentOf(list: unknown): Readonly<Record<string, string>> | undefined {
  if (isNone(list)) return {};
  if (!Array.isArray(list)) return undefined;
  const pairs = list.map((one): readonly unknown[] => (isObject(one) ? [one["name"], one["value"]] : []));
  return pairs.every(([name, value]) => isText(name) && /^[^=\0]+$/.test(name) && isText(value))
    ? (Object.fromEntries(pairs) as Record<string, string>)
    : undefined;
}

/** Reads `exec` of a kubeconfig's user. A relative command with a slash is relative to the file. @returns what is wrong, as texts */
export function readCredentialProgram(exec: unknown, file: string): CredentialProgram | readonly string[] {
  if (!isObject(exec)) return ["exec is not an object"];
  const { apiVersion, command, args, env, installHint, interactiveMode, provideClusterInfo }: Fields = exec;
  const environment = environmentOf(env);
  const mode = isNone(interactiveMode) ? "IfAvailable" : interactiveMode;
  const problems = [
    VERSIONS.some((version) => version === apiVersion) ? "" : `exec.apiVersion has to be ${VERSIONS.join(" or ")}`,
    isText(command) && command !== "" ? "" : "exec.command is not the name of a program",
    isNone(args) || (Array.isArray(args) && args.every(isText)) ? "" : "exec.args is not a list of texts",
    environment === undefined ? "exec.env is not a list of {name, value}" : "",
    MODES.some((one) => one === mode) ? "" : `exec.interactiveMode has to be ${MODES.join(", ")}`,
  ].filter((problem) => problem !== "");
  if (problems.length > 0) return problems;
  const name = String(command);
  return {
    apiVersion: String(apiVersion),
    command: name.includes("/") ? resolve(dirname(file), name) : name,
    args: (args as readonly string[] | undefined) ?? [],
    env: environment ?? {},
    installHint: isText(installHint) ? installHint : "",
    interactiveMode: mode as CredentialProgram["interactiveMode"],
    provideClusterInfo: provideClusterInfo === true,
  };
}

/** Reads what a program has printed. @throws Error with what is wrong of it */
function readAnswer(printed: string, apiVersion: string): GivenCredentials {
  let answer: unknown;
  try {
    answer = JSON.parse(printed);
  } catch {
    throw new Error("it printed no JSON");
  }
  if (!isObject(answer) || answer["kind"] !== "ExecCredential") throw new Error("it printed no ExecCredential");
  if (answer["apiVersion"] !== apiVersion)
    throw new Error(`it printed ${JSON.stringify(answer["apiVersion"])}, and ${apiVersion} was asked for`);
  const {
    token,
    clientCertificateData: cert,
    clientKeyData: key,
    expirationTimestamp,
  } = isObject(answer["status"]) ? answer["status"] : ({} as Fields);
  const given = Object.fromEntries(Object.entries({ token, cert, key }).filter(([, value]) => isText(value) && value));
  if ("cert" in given !== "key" in given) throw new Error("it gave half of a certificate and its key");
  if (Object.keys(given).length === 0) throw new Error("it gave neither a token nor a certificate");
  if (isNone(expirationTimestamp)) return { credentials: given };
  const expires = Date.parse(String(expirationTimestamp));
  if (Number.isNaN(expires)) throw new Error("its expirationTimestamp is not a time");
  return { credentials: given, expires };
}

/**
 * Asks a program for credentials, as kubectl does: its own words go to the terminal, and it may ask there unless
 * `interactiveMode` says no.
 *
 * @throws Error with what is wrong of it, and the kubeconfig's hint where it is missing
 */
export function askCredentialProgram(program: CredentialProgram, cluster: ClusterInfo): GivenCredentials {
  const { apiVersion, command, args, env, installHint, interactiveMode, provideClusterInfo } = program;
  const isTerminal = process.stdin.isTTY === true;
  if (interactiveMode === "Always" && !isTerminal) throw new Error("it needs a terminal");
  const interactive = isTerminal && interactiveMode !== "Never";
  const spec = { interactive, ...(provideClusterInfo ? { cluster } : {}) };
  const KUBERNETES_EXEC_INFO = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
  const { error, status, signal, stdout } = spawnSync(command, args, {
    env: { ...process.env, ...env, KUBERNETES_EXEC_INFO },
    stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"],
    ...{ maxBuffer: MOST, encoding: "utf8" },
  });
  if (error !== undefined) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new Error(isMissing ? `it is not installed${installHint && `: ${installHint}`}` : error.message);
  }
  if (status !== 0) throw new Error(`it ended with ${signal ?? `code ${status}`}`);
  return readAnswer(stdout, apiVersion);
}
