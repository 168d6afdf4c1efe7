export { explainedBindings, releasedGrants, releasedImages, releasedPlugins } from "./by-name.ts";
export type { ReleasedBinding } from "./released-binding.ts";
export { RELEASED_BINDINGS } from "./released-bindings.ts";
