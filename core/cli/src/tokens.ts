import type { Binding } from "@netbind/contract";
import type { GrantsByBinding } from "@netbind/engine";
import type { DeviceSettings, ImageFallback } from "@netbind/kubevirt";
import type { SidecarRuntime, State } from "@netbind/local";
import type { ExplainedBinding } from "@netbind/kubevirt/admission";
import type { Exec } from "@netbind/netns";
import type { Released } from "./cluster/released.ts";
import type { Logger } from "pino";
import type { InjectionToken } from "tsyringe";

/** What commands are given. Each token's value has the type that stands beside it. */
export const TOKENS = {
  bindings: Symbol("bindings") as InjectionToken<ReadonlyMap<string, Binding>>,
  deviceSettings: Symbol("deviceSettings") as InjectionToken<DeviceSettings>,
  explained: Symbol("explained") as InjectionToken<readonly ExplainedBinding[]>,
  fallback: Symbol("fallback") as InjectionToken<ImageFallback>,
  grants: Symbol("grants") as InjectionToken<GrantsByBinding>,
  imageTable: Symbol("imageTable") as InjectionToken<string>,
  log: Symbol("log") as InjectionToken<Logger>,
  exec: Symbol("run") as InjectionToken<Exec>,
  released: Symbol("released") as InjectionToken<Released>,
  runtime: Symbol("runtime") as InjectionToken<SidecarRuntime>,
  state: Symbol("state") as InjectionToken<State>,
} as const;

/** Gives the value of a token. */
export type Resolve = <T>(token: InjectionToken<T>) => T;

/** Gives what gives the values, and loads all that they are made of. */
export type Compose = () => Promise<Resolve>;
