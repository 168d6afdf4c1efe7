import type { AttachRequest } from "@netbind/contract";
import { sidecar as sidecarWire } from "@netbind/proto";
import { credentials, Metadata } from "@grpc/grpc-js";
import { address, call, DEADLINE, OPTIONS } from "../call.ts";
import { attachmentToWire } from "../wire/nic-wire.ts";
import { planToWire } from "../wire/plan-wire.ts";

/** A VM's sidecar behind a socket. */
export interface SidecarClient {
  /** Hands over what `encodeAttach` made, once it is sealed. */
  attach(attachedVm: Uint8Array): Promise<void>;
  close(): void;
}

/** What a sidecar is sent, as the bytes that are sealed. */
export const encodeAttach = ({ nics, ...vm }: AttachRequest): Uint8Array =>
  sidecarWire.AttachedVm.encode({
    ...vm,
    nics: nics.map(({ attachment, plan }) => ({ attachment: attachmentToWire(attachment), plan: planToWire(plan) })),
  }).finish();

/** Connects to a sidecar's attach socket. */
export function connectSidecar(socket: string, timeoutScale = 1): SidecarClient {
  const client = new sidecarWire.SidecarClient(address(socket), credentials.createInsecure(), OPTIONS);
  return {
    attach: async (bytes) => {
      const request = { attachedVm: Buffer.from(bytes) };
      await call<sidecarWire.AttachResponse>(timeoutScale * DEADLINE, (done) =>
        client.attach(request, new Metadata(), done),
      );
    },
    close: () => client.close(),
  };
}
