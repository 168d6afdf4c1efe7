import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Binding, BindingError } from "@netbind/contract";
import { patchDomains } from "@netbind/domain";
import { addBinding, addHooks, addSidecar, listenUnix, listenWhenServed, makeServer } from "@netbind/remote/sidecar";
import pino from "pino";
import { explainFailure } from "./explain-failure.ts";
import { checkSeal } from "./seal.ts";
import { readStored, type StoredAttach, toStored, writeStored } from "./store.ts";
import { attachmentMissing, domainNotText } from "./errors.ts";

/** Where a sidecar runs, and what it does there. */
export interface SidecarOptions {
  /** KubeVirt's hooks directory, as the sidecar sees it. */
  readonly hooksDirectory: string;
  /** Unique in the pod: it is part of the hook socket's name, because KubeVirt distinguishes sockets by that alone. */
  readonly containerName: string;
  /** True where this process answers for the plugin too, as on one machine. */
  readonly withBinding: boolean;
  /** Milliseconds until it reports that nothing attached it, and from then on between reports. */
  readonly agentTimeout?: { readonly first: number; readonly next: number };
}

/** What the contract says: within a minute, and every minute. */
const AGENT_TIMEOUT = { first: 45_000, next: 60_000 } as const;

/** Patches a domain for every attached NIC. Where all are taps the very same bytes come back. */
export function defineDomain(stored: StoredAttach | undefined, domainXML: Uint8Array): Uint8Array {
  if (stored === undefined) throw attachmentMissing();
  if (stored.nics.every(({ domain }) => domain.kind === "tap")) return domainXML;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(domainXML);
  } catch (error) {
    throw domainNotText(error);
  }
  return Buffer.from(patchDomains(text, stored.nics), "utf8");
}

const STOP_TIMEOUT = 2000;

/** The files and sockets of a sidecar. */
interface SidecarPaths {
  /** The sidecar's own directory, in the hooks directory. */
  readonly own: string;
  readonly stored: string;
  readonly attachSocket: string;
  /** Where the hook socket is bound, out of KubeVirt's sight. */
  readonly boundSocket: string;
  /** Where KubeVirt looks for it. */
  readonly hookSocket: string;
}

function pathsOf(name: string, { hooksDirectory, containerName }: SidecarOptions): SidecarPaths {
  const own = join(hooksDirectory, "netbind");
  return {
    own,
    stored: join(own, "attach.json"),
    attachSocket: join(own, "attach.sock"),
    boundSocket: join(own, "hook.sock"),
    hookSocket: join(hooksDirectory, `${name}-${containerName}.sock`),
  };
}

/** A sidecar beside a VM: the node agent attaches it, and from then on KubeVirt sees its hook socket. */
class Sidecar {
  readonly #binding: Binding;
  readonly #options: SidecarOptions;
  readonly #paths: SidecarPaths;
  readonly #log: pino.Logger;
  readonly #hooks = makeServer();
  readonly #contract = makeServer();
  #stored: StoredAttach | undefined;
  #gate: Promise<void> | undefined;

  constructor(binding: Binding, options: SidecarOptions) {
    this.#binding = binding;
    this.#options = options;
    this.#paths = pathsOf(binding.name, options);
    this.#log = pino({ base: { binding: binding.name } }, pino.destination({ dest: 2, sync: true }));
  }

  async serve(): Promise<void> {
    const { own, hookSocket, attachSocket } = this.#paths;
    mkdirSync(own, { recursive: true, mode: 0o700 });
    rmSync(hookSocket, { force: true });
    this.#addServices();
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.once(signal, () => this.#stop(signal));
    this.#readStored();
    if (this.#stored !== undefined) await this.#openGate();
    await listenWhenServed(this.#contract, attachSocket);
    this.#log.info({ attachSocket, attached: this.#stored !== undefined }, "serving");
    this.#warnMissingAgent(this.#options.agentTimeout ?? AGENT_TIMEOUT);
  }

  #addServices(): void {
    addHooks(this.#hooks, {
      name: this.#binding.name,
      onDefineDomain: (xml) => defineDomain(this.#stored, xml),
      shutdown: () => this.#stop("Shutdown"),
    });
    if (this.#options.withBinding) addBinding(this.#contract, this.#binding, explainFailure);
    addSidecar(this.#contract, {
      checkSeal: (seal) => checkSeal(this.#paths.own, seal),
      attach: (request) => this.#attach(toStored(request)),
    });
  }

  #readStored(): void {
    try {
      this.#stored = readStored(this.#paths.stored);
    } catch (error) {
      this.#log.error({ err: error }, "the stored attachment cannot be read: waiting for another Attach");
    }
  }

  async #attach(next: StoredAttach): Promise<void> {
    try {
      writeStored(this.#paths.stored, next);
    } catch (error) {
      throw BindingError.from(error, "UNAVAILABLE", "the attachment cannot be stored");
    }
    this.#stored = next;
    await this.#openGate();
    this.#log.info({ vm: next.vm, nics: next.nics.map(({ nic }) => nic.name) }, "attached");
  }

  /** Lets KubeVirt see the hook socket: bound where it does not look, warm when it appears. */
  #openGate(): Promise<void> {
    const { boundSocket, hookSocket } = this.#paths;
    this.#gate ??= listenUnix(this.#hooks, boundSocket)
      .then(() => renameSync(boundSocket, hookSocket))
      .catch((error: unknown) => {
        // The next Attach tries again: others who share the volume may have removed the socket.
        this.#gate = undefined;
        throw BindingError.from(error, "UNAVAILABLE", "the hook socket cannot be made");
      });
    return this.#gate;
  }

  #stop(why: string): void {
    this.#log.info({ why }, "stopping");
    const deadline = setTimeout(() => process.exit(0), STOP_TIMEOUT);
    deadline.unref();
    for (const socket of [this.#paths.hookSocket, this.#paths.attachSocket]) rmSync(socket, { force: true });
    let left = 2;
    for (const server of [this.#hooks, this.#contract]) server.tryShutdown(() => --left === 0 && process.exit(0));
  }

  /** Reports from time to time that nothing attached this sidecar, until something does: the VM does not start before. */
  #warnMissingAgent({ first, next }: NonNullable<SidecarOptions["agentTimeout"]>): void {
    const started = performance.now();
    const warn = (): void => {
      if (this.#stored !== undefined) return;
      const seconds = Math.round((performance.now() - started) / 1000);
      this.#log.error(
        { code: "AGENT_MISSING", attachSocket: this.#paths.attachSocket, seconds },
        "no node agent attached this sidecar, and its VM waits for that: check that the agent runs on this node",
      );
      setTimeout(warn, next).unref();
    };
    setTimeout(warn, first).unref();
  }
}

/** Serves a plugin's sidecar until Shutdown or a signal. */
export const serveSidecar = (binding: Binding, options: SidecarOptions): Promise<void> => new Sidecar(binding, options).serve();

/** Serves a plugin alone, beside the controller or the node agent. */
export async function serveBinding(binding: Binding, socket: string): Promise<void> {
  const server = makeServer();
  addBinding(server, binding, explainFailure);
  const stop = (): void => {
    rmSync(socket, { force: true });
    server.tryShutdown(() => process.exit(0));
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
  await listenWhenServed(server, socket);
}
