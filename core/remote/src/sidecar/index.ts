export { MissingEntryError } from "../errors.ts";
export { attachSidecar, type SidecarLocation } from "./attach-sidecar.ts";
export { canHold, HeldDirectory, type HeldSocket } from "./held-directory.ts";
export {
  type CloudInitPayload,
  connectHooks,
  HOOK_VERSIONS,
  type HooksClient,
  type HookVersion,
} from "./hooks-client.ts";
export { SEAL_FILE, sealOf } from "./seal.ts";
export {
  addBinding,
  addHooks,
  addSidecar,
  attachFromWire,
  type ExplainFailure,
  listenUnix,
  listenWhenServed,
  makeServer,
  serveListening,
  type SidecarHandlers,
} from "./server.ts";
export { connectSidecar, encodeAttach } from "./sidecar-client.ts";
export { MESSAGE_LIMIT } from "../status.ts";
