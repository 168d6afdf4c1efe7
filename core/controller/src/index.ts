export { Controller, type ControllerParts } from "./controller.ts";
export type { Registration } from "./network-binding.ts";
export { type Release, type ReleasedEntry, releaseOf, type ReleaseParts } from "./release.ts";
export { FIELD_MANAGER } from "./registration/registry.ts";
export { FINALIZER } from "./status/write-status.ts";
export { DueNotices } from "./waiting/due-notices.ts";
export { WaitingVms, type WaitingParts } from "./waiting/waiting-vms.ts";
