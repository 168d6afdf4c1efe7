import { readFileSync } from "node:fs";
import { FILTER_FD, filterBytes } from "./give-filter.ts";
import { SERVICE_LIMITS } from "./limits.ts";
import { type CommandError, exec } from "../exec/exec.ts";
import { LIBRARY_BINDS, type Sandbox, type SandboxWay, sandboxCommand } from "./sandbox.ts";
import { noSandbox } from "../errors.ts";

/** How sandboxes are made here, and why not in the usual way. */
export interface FoundWay {
  readonly way: SandboxWay;
  /** What is in the way of the usual one; empty where that one works. */
  readonly obstacles: readonly string[];
}

const WAYS = ["user-namespace", "fresh-proc", "no-user-namespace"] as const satisfies readonly SandboxWay[];
/** A sandbox that does nothing, as a user that no VM has. */
const TRIAL: Sandbox = {
  ...{ uid: 1_899_999_999, gid: 1_899_999_999, limits: SERVICE_LIMITS },
  binds: [...LIBRARY_BINDS, { source: "/usr/bin/true", target: "/usr/bin/true" }],
  argv: ["/usr/bin/true"],
};

/** Settings of the kernel's that keep users from making user namespaces, each with the value that does not. */
const SETTINGS = [
  { key: "user.max_user_namespaces", refuses: (value: number) => value === 0, remedy: "a number above 0" },
  { key: "kernel.unprivileged_userns_clone", refuses: (value: number) => value === 0, remedy: "1" },
  { key: "kernel.apparmor_restrict_unprivileged_userns", refuses: (value: number) => value !== 0, remedy: "0" },
] as const;

function settingOf(key: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/${key.replace(".", "/")}`, "utf8"));
  } catch {
    return undefined;
  }
}

/** The kernel's settings that are in the way, with what to set. */
const settingObstacles = (): readonly string[] =>
  SETTINGS.flatMap(({ key, refuses, remedy }) => {
    const value = settingOf(key);
    return value !== undefined && refuses(value)
      ? [`${key} is ${value}: set it to ${remedy} (sysctl -w ${key}=...)`]
      : [];
  });

/** A directory that systemd mounts on, empty to the kernel's eye: it hides nothing. */
const HARMLESS = "/proc/sys/fs/binfmt_misc";

/** What is mounted over /proc, by the text of /proc/self/mountinfo; a container's runtime or lxcfs does so. */
export function procObstacles(mountinfo: string): readonly string[] {
  const mounts = mountinfo
    .split("\n")
    .map((line) => line.split(" - "))
    .map(([head = "", tail = ""]) => ({ fields: head.split(" "), type: tail.split(" ")[0] ?? "" }))
    .map(({ fields: [, , , root = "", target = "", options = ""], type }) => ({
      root,
      target,
      options: options.split(","),
      type,
    }));
  const over = mounts.filter(({ target }) => target.startsWith("/proc/") && target !== HARMLESS);
  const own = mounts.findLast(({ target }) => target === "/proc");
  return [
    ...(own === undefined || (own.type === "proc" && !own.options.includes("ro"))
      ? []
      : [`/proc is ${own.type}, mounted ${own.options[0]}`]),
    ...over.map(({ target, type }) => `${target} has ${type} mounted over it`),
  ];
}

const UNMASK =
  "give this process a whole /proc (Kubernetes: a privileged container, or securityContext.procMount: Unmasked)";

/** All that is in the way here, with what to do. */
function findObstacles(): readonly string[] {
  const mounts = procObstacles(readFileSync("/proc/self/mountinfo", "utf8"));
  return [...settingObstacles(), ...(mounts.length === 0 ? [] : [`${mounts.join(", ")}: ${UNMASK}`])];
}

/** @throws CommandError with what bubblewrap said */
const tryWay = (way: SandboxWay): Promise<unknown> =>
  exec(["sh", "-c", `exec "$@" 3> /dev/null ${FILTER_FD}<&0`, "trial", ...sandboxCommand(TRIAL, way)], {
    stdin: filterBytes(),
  });

async function findWay(): Promise<FoundWay> {
  const said: string[] = [];
  for (const way of WAYS) {
    try {
      await tryWay(way);
      return { way, obstacles: said.length === 0 ? [] : [...findObstacles(), ...said.slice(0, 1)] };
    } catch (error) {
      const text = (error as CommandError).stderr?.trim() || (error as Error).message;
      said.push(`a sandbox by ${way}: ${text}`);
    }
  }
  throw noSandbox([...findObstacles(), ...said]);
}

let known: Promise<FoundWay> | undefined;

/**
 * How sandboxes are made here: the first way that works, tried once for this process.
 *
 * @throws SandboxError where none works, with what is in the way and the setting to change
 */
export function findSandboxWay(): Promise<FoundWay> {
  known ??= findWay();
  // An administrator who corrects a setting need not restart an agent.
  known.catch(() => {
    known = undefined;
  });
  return known;
}
