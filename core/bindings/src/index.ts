export {
  explainedBindings,
  releasedGrants,
  releasedImages,
  releasedPlugins,
  releasedRegistrations,
} from "./by-name.ts";
export type { ReleasedBinding, ReleasedRegistration } from "./released-binding.ts";
export { RELEASED_BINDINGS } from "./released-bindings.ts";
