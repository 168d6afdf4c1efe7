export {
  type BindingClient,
  connectBinding,
  connectHooks,
  connectSidecar,
  HOOK_VERSIONS,
  type HooksClient,
  type HookVersion,
  MESSAGE_LIMIT,
  type SidecarClient,
} from "./client.ts";
export { attachmentFromWire, attachmentToWire, nicFromWire, nicToWire } from "./nic-wire.ts";
export { planFromWire, planToWire } from "./plan-wire.ts";
export { addBinding, addHooks, addSidecar, type HookHandlers, listenUnix, makeServer } from "./server.ts";
