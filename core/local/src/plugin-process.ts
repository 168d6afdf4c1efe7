import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINDING_FAULT, BindingError } from "@netbind/contract";
import { type HeldSandbox, holdSandboxed, LIBRARY_BINDS, patient, waitUntil } from "@netbind/netns";
import { HeldDirectory, type HeldSocket } from "@netbind/remote";
import { keepLog, logName, withOutput } from "./kept-logs.ts";
import { readEnd } from "./read-end.ts";
import { publishSidecar, SIDECAR_LIMITS, type SidecarRuntime } from "./sidecars.ts";
import type { State } from "./state.ts";

const START_DEADLINE = 20_000;
const INSIDE = "/netbind/ask";
const SOCKET = "binding.sock";
/** Who a plugin is while root asks it: a user that nobody else is, in front of those that VMs and services have. */
const NOBODY = 1_899_999_998;

/** What a plugin is started from. */
export interface PluginProcessSpec {
  /** The name that it is registered under. */
  readonly name: string;
  readonly bundle: string;
  readonly runtime: SidecarRuntime;
  readonly state: State;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const PREFIX = "netbind-plugin-";

/** Removes a plugin's files. What the plugin could write to becomes the caller's own first: nobody changes it meanwhile. */
function removeFiles(directory: string): void {
  const user = process.geteuid?.() ?? NOBODY;
  const own = join(directory, "ask");
  if (existsSync(own)) {
    chownSync(own, user, process.getegid?.() ?? user);
    chmodSync(own, 0o700);
  }
  rmSync(directory, { recursive: true, force: true });
}

/** Removes what a caller that was killed left: the process in its name is gone, and the plugin with it. */
function removeStale(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^netbind-plugin-(\d{1,10})-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const path = join(tmpdir(), name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true && stat.uid === process.geteuid?.()) removeFiles(path);
  }
}

const NOT_A_BUNDLE = " (what is started is a bundle, as node sidecars/build.mjs --plugin MODULE --out FILE makes it)";

const failed = (name: string, why: string): BindingError => new BindingError("PLUGIN_FAILED", `binding "${name}": ${why}`, BINDING_FAULT);

/** Where the sandbox itself cannot be made, the plugin is not to blame. */
function withoutNamespaces(output: string, error: BindingError): BindingError {
  if (!/^bwrap: .*(namespace|uid map|Operation not permitted)/m.test(output)) return error;
  return new BindingError(
    "UNAVAILABLE",
    `${error.message}; a plugin is asked shut off from this machine, in a user namespace, and none could be made`,
    "let ordinary users make user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or start the plugin yourself and name its socket: --plugin NAME=unix:SOCKET",
    { cause: error },
  );
}

/** A plugin's process that nobody but the caller sees, and its files. */
export class PluginProcess implements AsyncDisposable {
  readonly #spec: PluginProcessSpec;
  readonly #directory: string;
  readonly #uid: number;
  #sandbox: HeldSandbox | undefined;
  #socket: HeldSocket | undefined;

  constructor(spec: PluginProcessSpec) {
    this.#spec = spec;
    const user = process.geteuid?.() ?? NOBODY;
    this.#uid = user === 0 ? NOBODY : user;
    removeStale();
    this.#directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
    mkdirSync(this.#own, { mode: 0o700 });
    if (user !== this.#uid) {
      chmodSync(this.#directory, 0o711);
      chownSync(this.#own, this.#uid, this.#uid);
    }
    for (const signal of SIGNALS) process.once(signal, this.#interrupted);
  }

  /** The one directory that the plugin may write to. */
  get #own(): string {
    return join(this.#directory, "ask");
  }

  #interrupted = (signal: NodeJS.Signals): void => {
    this.#remove();
    process.kill(process.pid, signal);
  };

  /** Removes its files. The plugin's directory is the caller's own again by then: nobody changes what is in it. */
  #remove(): void {
    for (const signal of SIGNALS) process.off(signal, this.#interrupted);
    removeFiles(this.#directory);
  }

  get #log(): string {
    return join(this.#directory, "log");
  }

  /** The files that it is run from: those of an ordinary user are where they are. */
  #files(): { readonly node: string; readonly bundle: string } {
    const { name, bundle, runtime, state } = this.#spec;
    if (process.geteuid?.() !== 0) return { node: runtime.node, bundle };
    return publishSidecar({ ...runtime, bundle: () => bundle }, state.cache, name, "plugin");
  }

  /** Starts it. Gives the path of its socket once that is served. @throws BindingError PLUGIN_FAILED */
  async start(): Promise<string> {
    const { start } = this.#spec.runtime;
    const { node, bundle } = this.#files();
    const isOwn = this.#uid === process.geteuid?.();
    const { processes: _processes, ...unlimited } = SIDECAR_LIMITS;
    const sandbox = await holdSandboxed(
      {
        uid: this.#uid,
        gid: isOwn ? (process.getegid?.() ?? this.#uid) : this.#uid,
        // An ordinary user's other processes are counted with it.
        limits: isOwn ? unlimited : SIDECAR_LIMITS,
        binds: [
          ...LIBRARY_BINDS,
          { source: node, target: "/netbind/node" },
          { source: bundle, target: "/netbind/plugin.mjs" },
          { source: this.#own, target: INSIDE, writable: true },
        ],
        env: start.environment,
        argv: ["/netbind/node", ...start.options, "/netbind/plugin.mjs", "binding", `${INSIDE}/${SOCKET}`],
      },
      this.#log,
    );
    this.#sandbox = sandbox;
    const path = join(this.#own, SOCKET);
    await waitUntil(() => existsSync(path) || sandbox.ended() !== undefined, START_DEADLINE);
    const { name } = this.#spec;
    if (sandbox.ended() !== undefined) throw this.#explain(failed(name, `it did not start: ${sandbox.ended()}${NOT_A_BUNDLE}`));
    if (!existsSync(path)) throw this.#explain(failed(name, `it was not ready in ${patient(START_DEADLINE)} ms`));
    using own = HeldDirectory.open(this.#directory, ["ask"]);
    this.#socket = own.socket(SOCKET, this.#uid);
    return this.#socket.path;
  }

  /** An error with what the plugin printed, which is kept. One that went away, or says nothing, has failed. */
  async explain(error: unknown, asked: string): Promise<BindingError> {
    const known = BindingError.from(error, "PLUGIN_FAILED", asked);
    if (known.code !== "UNAVAILABLE") return this.#explain(known);
    // A process that went away is seen to have gone a moment later.
    await waitUntil(() => this.#sandbox?.ended() !== undefined, 500);
    const why = this.#sandbox?.ended();
    return this.#explain(new BindingError("PLUGIN_FAILED", `${asked}: ${why ?? known.message}`, BINDING_FAULT, { cause: error }));
  }

  #explain(error: BindingError): BindingError {
    const text = readEnd(this.#log);
    const { name, state } = this.#spec;
    return withOutput(withoutNamespaces(text, error), text, keepLog(state.logs, logName(name), text), name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.[Symbol.dispose]();
    await this.#sandbox?.[Symbol.asyncDispose]();
    this.#remove();
  }
}
