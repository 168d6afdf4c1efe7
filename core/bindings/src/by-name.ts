import type { Binding } from "@netbind/contract";
import type { GrantsByBinding } from "@netbind/engine";
import type { FallbackImage } from "@netbind/kubevirt";
import type { ExplainedBinding } from "@netbind/kubevirt/admission";
import type { ReleasedRegistration } from "./released-binding.ts";
import { RELEASED_BINDINGS } from "./released-bindings.ts";

/** This release's plugins, by name. */
export const releasedPlugins = (): ReadonlyMap<string, Binding> =>
  new Map(RELEASED_BINDINGS.map(({ plugin }) => [plugin.name, plugin]));

/** What this release's bindings may do beyond the standard, by name. */
export const releasedGrants = (): GrantsByBinding =>
  Object.fromEntries(RELEASED_BINDINGS.map(({ plugin, grants }) => [plugin.name, grants]));

/** The images that serve where the KubeVirt CR registers none, by name. */
export const releasedImages = (): Readonly<Record<string, FallbackImage>> =>
  Object.fromEntries(
    RELEASED_BINDINGS.map(({ plugin, image, digest }) => [
      plugin.name,
      digest === undefined ? { image } : { image, digest },
    ]),
  );

/** How this release's bindings are registered, by name; those that KubeVirt serves by a key of its own are not among them. */
export const releasedRegistrations = (): ReadonlyMap<string, ReleasedRegistration> =>
  new Map(
    RELEASED_BINDINGS.flatMap(({ plugin, registration }) =>
      registration === undefined ? [] : [[plugin.name, registration] as const],
    ),
  );

/** What is said of this release's bindings, in their order. */
export const explainedBindings = (): readonly ExplainedBinding[] =>
  RELEASED_BINDINGS.map(({ plugin, about }) => ({ name: plugin.name, ...about }));
