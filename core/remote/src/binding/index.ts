export { type BindingClient, connectBinding } from "./client.ts";
export { attachmentFromWire, attachmentToWire } from "../wire/nic-wire.ts";
export { planFromWire, planToWire } from "../wire/plan-wire.ts";
