import { hooksV1alpha1, hooksV1alpha2, hooksV1alpha3, info as infoWire } from "@netbind/proto";
import { credentials, Metadata } from "@grpc/grpc-js";
import { address, call, OPTIONS } from "../call.ts";

const INFO_DEADLINE = 1000;
const HOOK_DEADLINE = 60_000;

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
export function connectHooks(socket: string, timeoutScale = 1, timeLeft?: () => number): HooksClient {
  const within = (usual: number): number =>
    Math.max(1, Math.min(timeoutScale * usual, timeLeft?.() ?? Number.POSITIVE_INFINITY));
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
      await call<hooksV1alpha3.ShutdownResult>(within(HOOK_DEADLINE), (done) =>
        callbacks.v1alpha3.shutdown({}, new Metadata(), done),
      );
    },
    close: () => {
      for (const client of [info, ...Object.values(callbacks)]) client.close();
    },
  };
}
