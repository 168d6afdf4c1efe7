import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Binding, BindingError } from "@netbind/contract";
import { patchDomains } from "@netbind/domain";
import { addBinding, addHooks, addSidecar, listenUnix, listenWhenServed, makeServer } from "@netbind/remote/sidecar";
import pino from "pino";
import { explainFailure } from "./explain-failure.ts";
import { checkSeal } from "./seal.ts";
import { readStored, type StoredAttach, toStored, writeStored } from "./store.ts";

/** How a sidecar is told where it runs. */
export interface SidecarOptions {
  /** KubeVirt's hooks directory, as the sidecar sees it. */
  readonly hooksDirectory: string;
  /** Unique in the pod: it is part of the hook socket's name, because KubeVirt tells sockets apart by that alone. */
  readonly containerName: string;
  /** True where this process answers for the plugin too, as on one machine. */
  readonly withBinding: boolean;
  /** Milliseconds until it is told that nobody attaches, and from then on until it is told again. */
  readonly agentTimeout?: { readonly first: number; readonly next: number };
}

/** What the contract says: within a minute, and every minute. */
const AGENT_TIMEOUT = { first: 45_000, next: 60_000 } as const;

/** Patches a domain for every attached NIC. Where all are taps the very same bytes come back. */
export function defineDomain(stored: StoredAttach | undefined, domainXML: Uint8Array): Uint8Array {
  if (stored === undefined) throw new BindingError("ATTACHMENT_MISSING", "nothing was attached yet", "wait for the node agent");
  if (stored.nics.every(({ domain }) => domain.kind === "tap")) return domainXML;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(domainXML);
  } catch (error) {
    throw new BindingError("DOMAIN_INVALID", "the domain is no UTF-8 text", "give the domain as libvirt prints it", { cause: error });
  }
  return Buffer.from(patchDomains(text, stored.nics), "utf8");
}

/** Serves a plugin's sidecar until Shutdown or a signal. */
export async function serveSidecar(binding: Binding, options: SidecarOptions): Promise<void> {
  const log = pino({ base: { binding: binding.name } }, pino.destination({ dest: 2, sync: true }));
  const own = join(options.hooksDirectory, "netbind");
  const storedFile = join(own, "attach.json");
  const attachSocket = join(own, "attach.sock");
  const hookSocket = join(options.hooksDirectory, `${binding.name}-${options.containerName}.sock`);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  rmSync(hookSocket, { force: true });
  let stored: StoredAttach | undefined;
  let open: Promise<void> | undefined;

  const hooks = makeServer();
  addHooks(hooks, { name: binding.name, onDefineDomain: (xml) => defineDomain(stored, xml), shutdown: () => stop("Shutdown") });
  /** Lets KubeVirt see the hook socket: bound where it does not look, warm when it appears. */
  const openGate = (): Promise<void> => {
    open ??= listenUnix(hooks, join(own, "hook.sock"))
      .then(() => renameSync(join(own, "hook.sock"), hookSocket))
      .catch((error: unknown) => {
        // The next Attach tries again: whoever shares the volume may have had its hands in it.
        open = undefined;
        throw BindingError.from(error, "UNAVAILABLE", "the hook socket cannot be made");
      });
    return open;
  };

  const contract = makeServer();
  if (options.withBinding) addBinding(contract, binding, explainFailure);
  addSidecar(contract, {
    checkSeal: (seal) => checkSeal(own, seal),
    attach: async (request) => {
      const next = toStored(request);
      try {
        writeStored(storedFile, next);
      } catch (error) {
        throw BindingError.from(error, "UNAVAILABLE", "the attachment cannot be stored");
      }
      stored = next;
      await openGate();
      log.info({ vm: next.vm, nics: next.nics.map(({ nic }) => nic.name) }, "attached");
    },
  });

  const stop = (why: string): void => {
    log.info({ why }, "stopping");
    const deadline = setTimeout(() => process.exit(0), 2000);
    deadline.unref();
    for (const socket of [hookSocket, attachSocket]) rmSync(socket, { force: true });
    let left = 2;
    for (const server of [hooks, contract]) server.tryShutdown(() => --left === 0 && process.exit(0));
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.once(signal, () => stop(signal));

  try {
    stored = readStored(storedFile);
  } catch (error) {
    log.error({ err: error }, "the stored attachment cannot be read: waiting for another Attach");
  }
  if (stored !== undefined) await openGate();
  await listenWhenServed(contract, attachSocket);
  log.info({ attachSocket, attached: stored !== undefined }, "serving");
  warnMissingAgent(log, attachSocket, options.agentTimeout ?? AGENT_TIMEOUT, () => stored !== undefined);
}

/** Says from time to time that nobody attached this sidecar, until somebody did: the VM does not start before. */
function warnMissingAgent(
  log: pino.Logger,
  attachSocket: string,
  { first, next }: NonNullable<SidecarOptions["agentTimeout"]>,
  attached: () => boolean,
): void {
  const started = performance.now();
  const tell = (): void => {
    if (attached()) return;
    const seconds = Math.round((performance.now() - started) / 1000);
    log.error(
      { code: "AGENT_MISSING", attachSocket, seconds },
      "no node agent attached this sidecar, and its VM waits for that: see whether the agent runs on this node",
    );
    setTimeout(tell, next).unref();
  };
  setTimeout(tell, first).unref();
}

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
