import { randomBytes } from "node:crypto";
import type { AttachRequest } from "@netbind/contract";
import { connectSidecar, encodeAttach } from "./sidecar-client.ts";
import { HeldDirectory } from "./held-directory.ts";
import { SEAL_FILE, sealOf } from "./seal.ts";

/** Where a sidecar is, as the attaching process sees its directory. */
export interface SidecarLocation {
  /** A directory that no process in the pod can change. */
  readonly base: string;
  /** The way from there to the sidecar's hooks directory, in which the pod may have put anything. */
  readonly components: readonly string[];
  /** The pod's user. */
  readonly uid: number;
  /** How many times longer than usual its answer is waited for. */
  readonly timeoutScale?: number;
}

/**
 * Seals what a sidecar is sent, and sends it. Takes uid 0.
 *
 * @throws BindingError UNAVAILABLE where its socket is not there or not to be trusted, else the sidecar's own
 */
export async function attachSidecar(
  { base, components, uid, timeoutScale = 1 }: SidecarLocation,
  request: AttachRequest,
): Promise<void> {
  using directory = HeldDirectory.open(base, [...components, "netbind"]);
  using socket = directory.socket("attach.sock", uid);
  const bytes = encodeAttach(request);
  directory.write(SEAL_FILE, sealOf(bytes), randomBytes(8).toString("hex"));
  const client = connectSidecar(socket.path, timeoutScale);
  try {
    await client.attach(bytes);
  } finally {
    client.close();
  }
}
