/** This release's bindings, by the name that they are registered under. */
import { releasedPlugins } from "@netbind/bindings";
import type { Binding } from "@netbind/contract";

export const OWN_BINDINGS: ReadonlyMap<string, Binding> = releasedPlugins();
