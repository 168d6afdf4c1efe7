import { randomUUID } from "node:crypto";
import { closeSync, openSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINDING_FAULT, BindingError } from "@netbind/contract";
import { type HeldSandbox, holdSandboxed, LIBRARY_BINDS, scaledTimeout, waitUntil } from "@netbind/netns";
import { HeldDirectory, type HeldSocket } from "@netbind/remote/sidecar";
import { keepLog, logName, withOutput } from "../record/kept-logs.ts";
import { readEndOf } from "../record/read-end.ts";
import { publishSidecar, type SidecarRuntime } from "../pod/sidecar-files.ts";
import { SIDECAR_LIMITS } from "../pod/sidecar-process.ts";
import type { State } from "../record/state.ts";
import { failedBinding, noUserNamespace } from "../errors.ts";

const START_DEADLINE = 20_000;
/** Where the plugin may write. */
const DIRECTORY = ["netbind", "ask"] as const;
const INSIDE = `/${DIRECTORY.join("/")}`;
/** What it may write there: as much as a file of its may have. A socket is all that has to be there. */
const DIRECTORY_BYTES = SIDECAR_LIMITS.fileSize;
const SOCKET = "binding.sock";
/** Who a plugin is while root asks it: a user that nothing else runs as, before those that VMs and services have. */
const NOBODY = 1_899_999_998;

/** What a plugin is started from. */
export interface PluginProcessSpec {
  /** The name that it is registered under. */
  readonly name: string;
  readonly bundle: string;
  readonly runtime: SidecarRuntime;
  readonly state: State;
}

/** Opens a file without a name: whatever becomes of the caller, nothing of it stays. */
function openUnnamed(): number {
  const path = join(tmpdir(), `netbind-plugin-${randomUUID()}`);
  const descriptor = openSync(path, "ax+", 0o600);
  unlinkSync(path);
  return descriptor;
}

const NOT_A_BUNDLE = " (a plugin is a bundle that node sidecars/build.mjs --plugin MODULE --out FILE makes)";

const failed = (name: string, why: string): BindingError => failedBinding(name, why);

/** Where the sandbox itself cannot be made, the plugin is not to blame. */
function withoutNamespaces(output: string, error: BindingError): BindingError {
  if (!/^bwrap: .*(namespace|uid map|Operation not permitted)/m.test(output)) return error;
  return noUserNamespace(error);
}

/** A plugin's process that only the caller sees. All that it may write to is in memory, and goes with it. */
export class PluginProcess implements AsyncDisposable {
  readonly #spec: PluginProcessSpec;
  readonly #uid: number;
  readonly #log = openUnnamed();
  #sandbox: HeldSandbox | undefined;
  #socket: HeldSocket | undefined;

  constructor(spec: PluginProcessSpec) {
    this.#spec = spec;
    const user = process.geteuid?.() ?? NOBODY;
    this.#uid = user === 0 ? NOBODY : user;
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
        ],
        memory: { target: INSIDE, bytes: DIRECTORY_BYTES },
        env: start.environment,
        argv: ["/netbind/node", ...start.options, "/netbind/plugin.mjs", "binding", `${INSIDE}/${SOCKET}`],
      },
      this.#log,
    );
    this.#sandbox = sandbox;
    await waitUntil(() => sandbox.ended() !== undefined || this.#holdSocket(sandbox) !== undefined, START_DEADLINE);
    const { name } = this.#spec;
    if (sandbox.ended() !== undefined)
      throw this.#explain(failed(name, `it did not start: ${sandbox.ended()}${NOT_A_BUNDLE}`));
    if (this.#socket === undefined)
      throw this.#explain(failed(name, `it was not ready within ${scaledTimeout(START_DEADLINE)} ms`));
    return this.#socket.path;
  }

  /** Holds the socket, which only the sandbox's own mount namespace has; undefined where it is not there, or not yet. */
  #holdSocket({ root }: HeldSandbox): HeldSocket | undefined {
    if (root === undefined) return undefined;
    try {
      using directory = HeldDirectory.open(root, DIRECTORY);
      this.#socket = directory.socket(SOCKET, this.#uid);
    } catch {
      // A process that is on its way has no such place, and one that has ended has none any more.
    }
    return this.#socket;
  }

  /** An error with what the plugin printed, which is kept. One that went away, or says nothing, has failed. */
  async explain(error: unknown, asked: string): Promise<BindingError> {
    const known = BindingError.from(error, "PLUGIN_FAILED", asked);
    if (known.code !== "UNAVAILABLE") return this.#explain(known);
    // A process that went away is seen to have gone a moment later.
    await waitUntil(() => this.#sandbox?.ended() !== undefined, 500);
    const why = this.#sandbox?.ended();
    return this.#explain(
      new BindingError("PLUGIN_FAILED", `${asked}: ${why ?? known.message}`, BINDING_FAULT, { cause: error }),
    );
  }

  #explain(error: BindingError): BindingError {
    const text = readEndOf(this.#log);
    const { name, state } = this.#spec;
    return withOutput(withoutNamespaces(text, error), text, keepLog(state.logs, logName(name), text), name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.[Symbol.dispose]();
    await this.#sandbox?.[Symbol.asyncDispose]();
    closeSync(this.#log);
  }
}
