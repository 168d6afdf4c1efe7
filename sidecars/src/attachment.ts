import { type Binding, BindingError } from "@netbind/contract";
import type { SidecarHandlers } from "@netbind/remote/sidecar";
import pino from "pino";
import type { SidecarPlaces } from "./places.ts";
import { checkSeal } from "./seal.ts";
import { type AttachedVm, readStored, toAttached, writeStored } from "./store.ts";

/** Lines for the container's log. */
export const makeLog = (binding: Binding): pino.Logger =>
  pino({ base: { binding: binding.name } }, pino.destination({ dest: 2, sync: true }));

/** What a sidecar was attached with, in memory and in its file, and the gate that opens once it is. */
export class Attachment {
  readonly #places: SidecarPlaces;
  readonly #log: pino.Logger;
  readonly #openGate: () => void | Promise<void>;
  #vm: AttachedVm | undefined;
  #opening: Promise<void> | undefined;

  /** `openGate` lets KubeVirt see the hook socket. */
  constructor(places: SidecarPlaces, log: pino.Logger, openGate: () => void | Promise<void>) {
    this.#places = places;
    this.#log = log;
    this.#openGate = openGate;
  }

  /** Undefined until there was an Attach. */
  get vm(): AttachedVm | undefined {
    return this.#vm;
  }

  /** Takes up what was attached before, by another process. */
  async restore(): Promise<void> {
    try {
      this.#vm = readStored(this.#places);
    } catch (error) {
      this.#log.error({ err: error }, "the stored attachment cannot be read: waiting for another Attach");
    }
    if (this.#vm !== undefined) await this.#open();
  }

  /** The sidecar's side of the contract. */
  readonly handlers: SidecarHandlers = {
    checkSeal: (seal) => checkSeal(this.#places.own, seal),
    attach: async (request, sealed) => {
      const next = toAttached(request);
      try {
        writeStored(this.#places, sealed);
      } catch (error) {
        throw BindingError.from(error, "UNAVAILABLE", "the attachment cannot be stored");
      }
      this.#vm = next;
      await this.#open();
      this.#log.info({ vm: next.vm, nics: next.nics.map(({ nic }) => nic.name) }, "attached");
    },
  };

  #open(): Promise<void> {
    this.#opening ??= Promise.resolve()
      .then(this.#openGate)
      .catch((error: unknown) => {
        // The next Attach tries again: others who share the volume may have removed the socket.
        this.#opening = undefined;
        throw BindingError.from(error, "UNAVAILABLE", "the hook socket cannot be made");
      });
    return this.#opening;
  }
}

/** Milliseconds until it reports that nothing attached it, and from then on between reports. */
export interface AgentTimeout {
  readonly first: number;
  readonly next: number;
}

/** What the contract says: within a minute, and every minute. */
export const AGENT_TIMEOUT: AgentTimeout = { first: 45_000, next: 60_000 };

/** Reports from time to time that nothing attached this sidecar, until something does: the VM does not start before. */
export function warnMissingAgent(
  log: pino.Logger,
  attachment: Attachment,
  attachSocket: string,
  { first, next }: AgentTimeout,
): void {
  const started = performance.now();
  const tell = (): void => {
    if (attachment.vm !== undefined) return;
    const seconds = Math.round((performance.now() - started) / 1000);
    log.error(
      { code: "AGENT_MISSING", attachSocket, seconds },
      "no node agent attached this sidecar, and its VM waits for that: check that the agent runs on this node",
    );
    setTimeout(tell, next).unref();
  };
  setTimeout(tell, first).unref();
}
