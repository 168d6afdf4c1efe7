export { type BindingClient, connectBinding } from "./binding-client.ts";
export { type CloudInitPayload, connectHooks, HOOK_VERSIONS, type HooksClient, type HookVersion } from "./hooks-client.ts";
export { connectSidecar, encodeAttach, type SidecarClient } from "./sidecar-client.ts";
export { attachmentFromWire, attachmentToWire, nicFromWire, nicToWire } from "./nic-wire.ts";
export { planFromWire, planToWire } from "./plan-wire.ts";
export {
  addBinding,
  addHooks,
  addSidecar,
  type ExplainFailure,
  type HookHandlers,
  listenUnix,
  listenWhenServed,
  makeServer,
  type SidecarHandlers,
} from "./server.ts";
export { canHold, HeldDirectory, type HeldSocket } from "./held-directory.ts";
export { MESSAGE_LIMIT } from "./status.ts";
export { SEAL_FILE, sealOf } from "./seal.ts";
export { attachSidecar, type SidecarPlace } from "./attach-sidecar.ts";
