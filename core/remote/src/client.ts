import {
  type AttachRequest,
  type Attachment,
  BINDING_FAULT,
  BindingError,
  type BindingDescription,
  checkReturned,
  type Hook,
  type Needs,
  type NicSpec,
  type Plan,
  type Violation,
} from "@netbind/contract";
import {
  binding as bindingWire,
  hooksV1alpha1,
  hooksV1alpha2,
  hooksV1alpha3,
  info as infoWire,
  sidecar as sidecarWire,
} from "@netbind/proto";
import { type ClientOptions, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { oneOf } from "./checks.ts";
import { needsFromWire } from "./needs-wire.ts";
import { attachmentToWire, nicToWire } from "./nic-wire.ts";
import { planFromWire, planToWire } from "./plan-wire.ts";
import { errorFromStatus, MESSAGE_LIMIT } from "./status.ts";

const DEADLINE = 10_000;
const INFO_DEADLINE = 1000;
const HOOK_DEADLINE = 60_000;

const OPTIONS: ClientOptions = {
  // What KubeVirt's launcher says, whatever the socket's path.
  "grpc.default_authority": "localhost",
  "grpc.max_receive_message_length": MESSAGE_LIMIT,
  "grpc.max_send_message_length": MESSAGE_LIMIT,
  "grpc.enable_http_proxy": 0,
};

type Callback<R> = (error: ServiceError | null, response: R) => void;

/** A call that was started, and that can be given up. */
interface Pending {
  cancel(): void;
}

/**
 * Makes a call with callbacks one with a promise, its error a BindingError. The deadline is measured by a clock that
 * nobody sets: gRPC's own is a time of day, which may jump.
 */
function call<R>(deadline: number, start: (callback: Callback<R>) => Pending): Promise<R> {
  return new Promise((resolve, reject) => {
    let late = false;
    const pending = start((error, response) => {
      clearTimeout(timer);
      if (error === null) resolve(response);
      else reject(late ? unanswered(deadline, error) : errorFromStatus(error));
    });
    const timer = setTimeout(() => {
      late = true;
      pending.cancel();
    }, deadline);
  });
}

const unanswered = (deadline: number, cause: ServiceError): BindingError =>
  new BindingError("UNAVAILABLE", `no answer came in ${deadline} ms`, "see the log of the process that was asked", { cause });

const address = (socket: string): string => `unix:${socket}`;

/** A binding behind a socket. */
export interface BindingClient {
  describe(): Promise<BindingDescription>;
  admit(nic: NicSpec): Promise<readonly Violation[]>;
  needs(nic: NicSpec): Promise<Needs>;
  plan(attachment: Attachment): Promise<Plan>;
  close(): void;
}

function readDescription({ name, contract, migration, hooks, takesPodMac }: bindingWire.DescribeResponse): BindingDescription {
  if (contract !== "v1alpha1") {
    throw new BindingError(
      "CONTRACT_UNSUPPORTED",
      `binding "${name}" speaks contract "${contract}"`,
      "use a release of it that speaks v1alpha1",
    );
  }
  const known = hooks.filter((hook): hook is Hook => hook === "admit" || hook === "needs" || hook === "plan");
  const moves = oneOf(migration, ["none", "supported", "link-refresh"], "the migration method");
  return { name, contract, migration: moves, takesPodMac, hooks: known };
}

/** What a binding answers is the binding's fault, not its caller's. */
function fromBinding<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BindingError("PLUGIN_FAILED", `the binding's answer cannot be read: ${(error as Error).message}`, BINDING_FAULT, {
      cause: error,
    });
  }
}

/**
 * Connects to a binding. It is described first: what it does not declare is never called. `patience`: how many times longer
 * than usual an answer is waited for.
 */
export function connectBinding(socket: string, patience = 1): BindingClient {
  const client = new bindingWire.BindingClient(address(socket), credentials.createInsecure(), OPTIONS);
  let description: Promise<BindingDescription> | undefined;
  const describe = (): Promise<BindingDescription> => {
    description ??= call<bindingWire.DescribeResponse>(patience * DEADLINE, (done) => client.describe({}, new Metadata(), done)).then(
      (response) => {
        try {
          return readDescription(response);
        } catch (error) {
          throw BindingError.from(error, "PLUGIN_FAILED");
        }
      },
    );
    return description;
  };
  const has = async (hook: Hook): Promise<boolean> => (await describe()).hooks.includes(hook);
  return {
    describe,
    admit: async (nic) => {
      if (!(await has("admit"))) return [];
      const { violations } = await call<bindingWire.AdmitResponse>(patience * DEADLINE, (done) =>
        client.admit({ nic: nicToWire(nic) }, new Metadata(), done),
      );
      return checkReturned("admit", violations);
    },
    needs: async (nic) => {
      if (!(await has("needs"))) return {};
      const needs = await call<bindingWire.NeedsResponse>(patience * DEADLINE, (done) =>
        client.needs({ nic: nicToWire(nic) }, new Metadata(), done),
      );
      return checkReturned("needs", needsFromWire(needs));
    },
    plan: async (attachment) => {
      await describe();
      const response = await call<bindingWire.PlanResponse>(patience * DEADLINE, (done) =>
        client.plan({ attachment: attachmentToWire(attachment) }, new Metadata(), done),
      );
      return fromBinding(() => planFromWire(response));
    },
    close: () => client.close(),
  };
}

/** A VM's sidecar behind a socket. */
export interface SidecarClient {
  /** Hands over what `encodeAttach` made, once it is sealed. */
  attach(attachedVm: Uint8Array): Promise<void>;
  close(): void;
}

/** What a sidecar is told, as the bytes that are sealed and sent. */
export const encodeAttach = ({ nics, ...vm }: AttachRequest): Uint8Array =>
  sidecarWire.AttachedVm.encode({
    ...vm,
    nics: nics.map(({ attachment, plan }) => ({ attachment: attachmentToWire(attachment), plan: planToWire(plan) })),
  }).finish();

/** Connects to a sidecar's attach socket. */
export function connectSidecar(socket: string, patience = 1): SidecarClient {
  const client = new sidecarWire.SidecarClient(address(socket), credentials.createInsecure(), OPTIONS);
  return {
    attach: async (bytes) => {
      const request = { attachedVm: Buffer.from(bytes) };
      await call<sidecarWire.AttachResponse>(patience * DEADLINE, (done) => client.attach(request, new Metadata(), done));
    },
    close: () => client.close(),
  };
}

/** The versions of KubeVirt's hook services, newest first. */
export const HOOK_VERSIONS = ["v1alpha3", "v1alpha2", "v1alpha1"] as const;
export type HookVersion = (typeof HOOK_VERSIONS)[number];

/** cloud-init's data as the hook carries it, in the present form and in the one before it: JSON. */
export interface CloudInitPayload {
  readonly cloudInitData: Uint8Array;
  readonly cloudInitNoCloudSource: Uint8Array;
}

/** KubeVirt's hooks behind a sidecar's socket, as its launcher calls them. */
export interface HooksClient {
  info(): Promise<infoWire.InfoResult>;
  onDefineDomain(version: HookVersion, domainXML: Uint8Array, vmi: Uint8Array): Promise<Uint8Array>;
  /** Null where the version has no such hook. */
  preCloudInitIso(version: HookVersion, data: CloudInitPayload, vmi: Uint8Array): Promise<CloudInitPayload | null>;
  shutdown(version: HookVersion): Promise<void>;
  close(): void;
}

/**
 * Connects to a hook socket. `timeLeft`: the milliseconds that an answer has at most, asked at each call; else what KubeVirt's
 * launcher gives it, `patience` times.
 */
export function connectHooks(socket: string, patience = 1, timeLeft?: () => number): HooksClient {
  const within = (usual: number): number => Math.max(1, Math.min(patience * usual, timeLeft?.() ?? Number.POSITIVE_INFINITY));
  const make = [address(socket), credentials.createInsecure(), OPTIONS] as const;
  const info = new infoWire.InfoClient(...make);
  const callbacks = {
    v1alpha1: new hooksV1alpha1.CallbacksClient(...make),
    v1alpha2: new hooksV1alpha2.CallbacksClient(...make),
    v1alpha3: new hooksV1alpha3.CallbacksClient(...make),
  };
  return {
    info: () => call<infoWire.InfoResult>(within(INFO_DEADLINE), (done) => info.info({}, new Metadata(), done)),
    onDefineDomain: async (version, domainXML, vmi) => {
      const request = { domainXML: Buffer.from(domainXML), vmi: Buffer.from(vmi) };
      const reply = await call<hooksV1alpha1.OnDefineDomainResult>(within(HOOK_DEADLINE), (done) =>
        callbacks[version].onDefineDomain(request, new Metadata(), done),
      );
      return reply.domainXML;
    },
    preCloudInitIso: async (version, { cloudInitData, cloudInitNoCloudSource }, vmi) => {
      if (version === "v1alpha1") return null;
      const request = {
        cloudInitNoCloudSource: Buffer.from(cloudInitNoCloudSource),
        cloudInitData: Buffer.from(cloudInitData),
        vmi: Buffer.from(vmi),
      };
      return await call<hooksV1alpha2.PreCloudInitIsoResult>(within(HOOK_DEADLINE), (done) =>
        callbacks[version].preCloudInitIso(request, new Metadata(), done),
      );
    },
    shutdown: async (version) => {
      if (version !== "v1alpha3") return;
      await call<hooksV1alpha3.ShutdownResult>(within(HOOK_DEADLINE), (done) => callbacks.v1alpha3.shutdown({}, new Metadata(), done));
    },
    close: () => {
      for (const client of [info, ...Object.values(callbacks)]) client.close();
    },
  };
}
