import { mkdirSync, renameSync, rmSync } from "node:fs";
import type { Binding } from "@netbind/contract";
import { patchDomains } from "@netbind/domain";
import { addBinding, addHooks, addSidecar, listenUnix, listenWhenServed, makeServer } from "@netbind/remote/sidecar";
import type pino from "pino";
import { AGENT_TIMEOUT, type AgentTimeout, Attachment, makeLog, warnMissingAgent } from "./attachment.ts";
import { attachmentMissing, domainNotText } from "./errors.ts";
import { explainFailure } from "./explain-failure.ts";
import { type SidecarPlaces, sidecarPlaces } from "./places.ts";
import type { AttachedVm } from "./store.ts";

/** Where a sidecar runs, and what it does there. */
export interface SidecarOptions {
  /** KubeVirt's hooks directory, as the sidecar sees it. */
  readonly hooksDirectory: string;
  /** Unique in the pod: it is part of the hook socket's name, because KubeVirt distinguishes sockets by that alone. */
  readonly containerName: string;
  /** True where this process answers for the plugin too, as on one machine. */
  readonly withBinding: boolean;
  readonly agentTimeout?: AgentTimeout;
}

/** Patches a domain for every attached NIC. Where all are taps the very same bytes come back. */
export function defineDomain(attached: AttachedVm | undefined, domainXML: Uint8Array): Uint8Array {
  if (attached === undefined) throw attachmentMissing();
  if (attached.nics.every(({ domain }) => domain.kind === "tap")) return domainXML;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(domainXML);
  } catch (error) {
    throw domainNotText(error);
  }
  return Buffer.from(patchDomains(text, attached.nics), "utf8");
}

/** Milliseconds that calls under way have to be answered: the contract gives an end a second. */
const STOP_TIMEOUT = 900;

/** A sidecar beside a VM: the node agent attaches it, and from then on KubeVirt sees its hook socket. */
class Sidecar {
  readonly #binding: Binding;
  readonly #options: SidecarOptions;
  readonly #places: SidecarPlaces;
  readonly #log: pino.Logger;
  readonly #hooks = makeServer();
  readonly #contract = makeServer();
  readonly #attachment: Attachment;

  constructor(binding: Binding, options: SidecarOptions) {
    this.#binding = binding;
    this.#options = options;
    this.#places = sidecarPlaces(binding.name, options.containerName, options.hooksDirectory);
    this.#log = makeLog(binding);
    this.#attachment = new Attachment(this.#places, this.#log, () => this.#openGate());
  }

  async serve(): Promise<void> {
    const { own, hookSocket, attachSocket } = this.#places;
    mkdirSync(own, { recursive: true, mode: 0o700 });
    rmSync(hookSocket, { force: true });
    this.#addServices();
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)
      process.once(signal, () => this.#stop(signal));
    await this.#attachment.restore();
    await listenWhenServed(this.#contract, attachSocket);
    this.#log.info({ attachSocket, attached: this.#attachment.vm !== undefined }, "serving");
    warnMissingAgent(this.#log, this.#attachment, attachSocket, this.#options.agentTimeout ?? AGENT_TIMEOUT);
  }

  #addServices(): void {
    addHooks(this.#hooks, {
      name: this.#binding.name,
      onDefineDomain: (xml) => defineDomain(this.#attachment.vm, xml),
      shutdown: () => this.#stop("Shutdown"),
    });
    if (this.#options.withBinding) addBinding(this.#contract, this.#binding, explainFailure);
    addSidecar(this.#contract, this.#attachment.handlers);
  }

  /** Lets KubeVirt see the hook socket: bound where it does not look, warm when it appears. */
  async #openGate(): Promise<void> {
    const { nextHookSocket, hookSocket } = this.#places;
    await listenUnix(this.#hooks, nextHookSocket);
    try {
      renameSync(nextHookSocket, hookSocket);
    } catch (error) {
      // Still bound, the next Attach would not bind it again.
      this.#hooks.unbind(`unix:${nextHookSocket}`);
      throw error;
    }
  }

  #stop(why: string): void {
    this.#log.info({ why }, "stopping");
    const deadline = setTimeout(() => process.exit(0), STOP_TIMEOUT);
    deadline.unref();
    for (const socket of [this.#places.hookSocket, this.#places.attachSocket]) rmSync(socket, { force: true });
    let left = 2;
    for (const server of [this.#hooks, this.#contract]) server.tryShutdown(() => --left === 0 && process.exit(0));
  }
}

/** Serves a plugin's sidecar until Shutdown or a signal. */
export const serveSidecar = (binding: Binding, options: SidecarOptions): Promise<void> =>
  new Sidecar(binding, options).serve();

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
