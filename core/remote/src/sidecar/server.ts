import { renameSync, rmSync } from "node:fs";
import { createServer, type Server as ConnectionServer } from "node:net";
import { type AttachRequest, type Binding, BindingError, describe } from "@netbind/contract";
import {
  binding as bindingWire,
  hooksV1alpha1,
  hooksV1alpha2,
  hooksV1alpha3,
  info as infoWire,
  sidecar as sidecarWire,
} from "@netbind/proto";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { hookUnsupported, malformed } from "../errors.ts";
import { required } from "../wire/checks.ts";
import { attachmentFromWire, nicFromWire } from "../wire/nic-wire.ts";
import { planFromWire, planToWire } from "../wire/plan-wire.ts";
import { needsToWire } from "../wire/needs-wire.ts";
import { sealOf } from "./seal.ts";
import { errorToStatus, MESSAGE_LIMIT } from "../status.ts";

/** A server whose messages are limited as the contract says. */
export const makeServer = (): Server =>
  new Server({
    "grpc.max_receive_message_length": MESSAGE_LIMIT,
    "grpc.max_send_message_length": MESSAGE_LIMIT,
    // Books on each connection and call that nobody here can ask for.
    "grpc.enable_channelz": 0,
  });

/** Serves on a unix socket. One that a killed process left is removed. */
export async function listenUnix(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

/** The same, with the socket in its place only once it is served: a client that sees it gets an answer. */
export async function listenWhenServed(server: Server, path: string): Promise<void> {
  await listenUnix(server, `${path}.next`);
  renameSync(`${path}.next`, path);
}

/**
 * Serves on a descriptor that listens already, and is another process's too. Gives what takes its connections: once that is
 * closed, those that come are the other's.
 */
export function serveListening(server: Server, descriptor: number): ConnectionServer {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const connections = createServer((connection) => injector.injectConnection(connection));
  return connections.listen({ fd: descriptor });
}

/** A handler from a function that answers or throws. */
function handle<Q, R>(answer: (request: Q) => R | Promise<R>): handleUnaryCall<Q, R> {
  return (unary, callback) => {
    Promise.resolve()
      .then(() => answer(unary.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(errorToStatus(error)),
      );
  };
}

/** Makes what a binding's hook threw into what its caller gets. */
export type ExplainFailure = (thrown: unknown, where: string) => BindingError;

/** An author's own error names what was asked of whom. */
const explainFailure: ExplainFailure = (thrown, where) => BindingError.from(thrown, "PLUGIN_FAILED", where);

/** Serves a plugin. `explain`: what becomes of an author's error. */
export function addBinding(server: Server, binding: Binding, explain: ExplainFailure = explainFailure): void {
  const asked = <T>(hook: string, nic: string, ask: () => T): T => {
    try {
      return ask();
    } catch (error) {
      throw explain(error, `binding "${binding.name}" failed to ${hook} NIC "${nic}"`);
    }
  };
  server.addService(bindingWire.BindingService, {
    describe: handle<bindingWire.DescribeRequest, bindingWire.DescribeResponse>(() => describe(binding)),
    admit: handle<bindingWire.AdmitRequest, bindingWire.AdmitResponse>(({ nic: message }) => {
      const nic = nicFromWire(message);
      return { violations: asked("admit", nic.name, () => binding.admit(nic)) };
    }),
    needs: handle<bindingWire.NeedsRequest, bindingWire.NeedsResponse>(({ nic: message }) => {
      const nic = nicFromWire(message);
      return asked("report the needs of", nic.name, () => needsToWire(binding.needs(nic)));
    }),
    plan: handle<bindingWire.PlanRequest, bindingWire.PlanResponse>(({ attachment: message }) => {
      const attachment = attachmentFromWire(message);
      return asked("plan", attachment.name, () => planToWire(binding.plan(attachment)));
    }),
  });
}

/** Reads what an Attach carries. @throws BindingError ATTACHMENT_INVALID */
export function attachFromWire(bytes: Uint8Array): AttachRequest {
  let message: sidecarWire.AttachedVm;
  try {
    message = sidecarWire.AttachedVm.decode(bytes);
  } catch (error) {
    throw malformed(`the attached VM is not a valid message: ${(error as Error).message}`);
  }
  const { namespace, name, uid, nics } = message;
  return {
    namespace,
    name,
    uid,
    nics: nics.map(({ attachment, plan }) => ({
      attachment: attachmentFromWire(attachment),
      plan: planFromWire(required(plan, "a NIC's plan")),
    })),
  };
}

/** The sidecar's side of the contract. */
export interface SidecarHandlers {
  /** Throws where the seal is not beside the socket: nothing of the request is looked at before. */
  checkSeal(seal: string): void;
  /** `sealed`: the bytes that the seal is of, and `request` was read from. */
  attach(request: AttachRequest, sealed: Uint8Array): void | Promise<void>;
}

/** Serves the sidecar's side of the contract. */
export function addSidecar(server: Server, { checkSeal, attach }: SidecarHandlers): void {
  server.addService(sidecarWire.SidecarService, {
    attach: handle<sidecarWire.AttachRequest, sidecarWire.AttachResponse>(async ({ attachedVm }) => {
      checkSeal(sealOf(attachedVm));
      await attach(attachFromWire(attachedVm), attachedVm);
      return {};
    }),
  });
}

/** What a sidecar answers to KubeVirt's hooks. */
export interface HookHandlers {
  readonly name: string;
  onDefineDomain(domainXML: Uint8Array): Uint8Array;
  /** Called once its answer is on its way. */
  shutdown(): void;
}

/** What a binding changes, and no more: the launcher panics where a VM without cloud-init has a subscriber of PreCloudInitIso. */
const SUBSCRIBED = ["OnDefineDomain", "Shutdown"] as const;

/** Serves KubeVirt's hooks, in every version. */
export function addHooks(server: Server, handlers: HookHandlers): void {
  const onDefineDomain = handle<hooksV1alpha1.OnDefineDomainParams, hooksV1alpha1.OnDefineDomainResult>(
    ({ domainXML }) => ({
      domainXML: Buffer.from(handlers.onDefineDomain(domainXML)),
    }),
  );
  const preCloudInitIso = handle<hooksV1alpha2.PreCloudInitIsoParams, hooksV1alpha2.PreCloudInitIsoResult>(() => {
    throw hookUnsupported();
  });
  const shutdown = handle<hooksV1alpha3.ShutdownParams, hooksV1alpha3.ShutdownResult>(() => {
    setImmediate(() => handlers.shutdown());
    return {};
  });
  const hookPoints = SUBSCRIBED.map((name) => ({ name, priority: 0 }));
  server.addService(infoWire.InfoService, {
    info: handle<infoWire.InfoParams, infoWire.InfoResult>(() => ({
      name: handlers.name,
      hookPoints,
      versions: ["v1alpha3", "v1alpha2", "v1alpha1"],
    })),
  });
  server.addService(hooksV1alpha1.CallbacksService, { onDefineDomain });
  server.addService(hooksV1alpha2.CallbacksService, { onDefineDomain, preCloudInitIso });
  server.addService(hooksV1alpha3.CallbacksService, { onDefineDomain, preCloudInitIso, shutdown });
}
