import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AttachRequest } from "@netbind/contract";
import { attachSidecar } from "@netbind/remote/sidecar";
import { SIDECAR_START } from "./sidecar-start.ts";

export const LAUNCHER_FAULTS: string = fileURLToPath(
  new URL("../../../core/pod/src/hooks/launcher-faults.json", import.meta.url),
);
const DIST = fileURLToPath(new URL("../../../sidecars/dist", import.meta.url));
const POD_USER = { uid: 107, gid: 107 } as const;
/** A pod's user, as the kubelet starts it where nothing is granted. */
const UNPRIVILEGED = [
  "--reuid",
  "107",
  "--regid",
  "107",
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--no-new-privs",
];
const DEADLINE = 20_000;

/** An event of the client: what it prints on one line. */
export interface HookEvent {
  readonly event:
    | "cloudInit"
    | "collected"
    | "complete"
    | "defined"
    | "failed"
    | "notReady"
    | "panicked"
    | "shutdown"
    | "shutdownFailed";
  readonly [fact: string]: unknown;
}

const exitOf = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null ? Promise.resolve(child.exitCode) : new Promise((resolve) => child.once("exit", resolve));

/** A sidecar of a release, in a container's place. */
export interface HookSidecar {
  readonly process: ChildProcess;
  /** Its own hooks directory. */
  readonly directory: string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
  attach(nics: AttachRequest["nics"]): Promise<void>;
}

/** What waits for sidecars, as virt-launcher does. */
export interface HookClient {
  readonly events: readonly HookEvent[];
  readonly ended: Promise<number | null>;
}

/** A launcher pod's hooks directory, with a directory in it for each sidecar. Gone when the test is. */
export class HookPod implements AsyncDisposable {
  readonly #base = mkdtempSync(join(tmpdir(), "netbind-hook-pod-"));
  readonly #children: ChildProcess[] = [];

  constructor() {
    chmodSync(this.#base, 0o755);
    mkdirSync(this.hooks, { mode: 0o755 });
    chownSync(this.hooks, POD_USER.uid, POD_USER.gid);
    // The checkout may stand where the pod's user may not go.
    copyFileSync(process.execPath, join(this.#base, "node"));
  }

  get hooks(): string {
    return join(this.#base, "hooks");
  }

  /** Starts a binding's sidecar. `mount` is the name of its directory, where that is not its container's. */
  async sidecar(binding: string, container: string, mount: string = container): Promise<HookSidecar> {
    const directory = join(this.hooks, mount);
    mkdirSync(directory, { mode: 0o755 });
    chownSync(directory, POD_USER.uid, POD_USER.gid);
    const bundle = join(this.#base, `${binding}.mjs`);
    copyFileSync(join(DIST, `${binding}.mjs`), bundle);
    const child = this.#spawn([join(this.#base, "node"), ...SIDECAR_START.options, bundle, "sidecar"], {
      ...SIDECAR_START.environment,
      NETBIND_HOOKS_DIR: directory,
      CONTAINER_NAME: container,
      NETWORK_BINDING_PLUGIN_NAME: binding,
    });
    const socket = join(directory, "netbind/attach.sock");
    for (let waited = 0; !existsSync(socket); waited += 20) {
      if (waited > DEADLINE) throw new Error(`the sidecar of ${binding} showed no attach socket in ${DEADLINE} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const place = { base: this.#base, components: ["hooks", mount], uid: POD_USER.uid };
    const attach = (nics: AttachRequest["nics"]): Promise<void> =>
      attachSidecar(place, { namespace: "default", name: "vm", uid: "u", nics });
    return { process: child, directory, ended: exitOf(child), attach };
  }

  /** Starts a client on the pod's hooks, with what it is to have defined. */
  client(program: string, args: readonly string[], input: object = {}): HookClient {
    const copy = join(this.#base, "client");
    if (!existsSync(copy)) copyFileSync(program, copy);
    chmodSync(copy, 0o755);
    const faults = join(this.#base, "faults.json");
    copyFileSync(LAUNCHER_FAULTS, faults);
    const child = this.#spawn([copy, "-hooks", this.hooks, "-faults", faults, ...args], {});
    const events: HookEvent[] = [];
    if (child.stdout !== null)
      createInterface(child.stdout).on("line", (line) => events.push(JSON.parse(line) as HookEvent));
    child.stdin?.end(JSON.stringify(input));
    return { events, ended: new Promise((resolve) => child.once("close", resolve)) };
  }

  #spawn(argv: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const child = spawn("setpriv", [...UNPRIVILEGED, ...argv], { env, stdio: ["pipe", "pipe", "ignore"] });
    this.#children.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await exitOf(child);
    }
    rmSync(this.#base, { recursive: true });
  }
}

/** What the kernel says of a process's rights. */
export const rightsOf = ({ pid }: ChildProcess): string => readFileSync(`/proc/${pid}/status`, "utf8");
