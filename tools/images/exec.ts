import { type Exec, exec as execBare } from "../../core/netns/src/exec/exec.ts";

/** For what downloads, compresses or compiles, on a busy machine too. */
const DEADLINE = 30 * 60_000;

const callersEnv = (): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));

/** Runs a program to its end, with the caller's environment: proxies and registries are the caller's choice. */
export const exec: Exec = (argv, options = {}) =>
  execBare(argv, { deadline: DEADLINE, ...options, env: { ...callersEnv(), LC_ALL: "C.UTF-8", ...options.env } });
