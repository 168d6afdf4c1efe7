import type { ApiObject } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import type { BindingRegistration, ImageFallback } from "@netbind/kubevirt";
import type { Condition } from "./status/conditions.ts";

/** How a binding is registered, but for its image. */
export type Registration = Omit<BindingRegistration, "sidecarImage">;

/** A NetworkBinding (netbind.dev/v1alpha1), as far as the controller reads it: the API server holds it to its schema. */
export interface NetworkBinding {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly isDeleting: boolean;
  readonly finalizers: readonly string[];
  readonly spec: {
    readonly image?: string;
    readonly fallback?: ImageFallback["policy"];
    readonly registration?: Registration;
    /** Read by node agents. */
    readonly grants?: unknown;
  };
  readonly status: { readonly image?: string; readonly conditions?: readonly Condition[] };
}

/** Reads a NetworkBinding. */
export function readNetworkBinding({ metadata, spec, status }: ApiObject): NetworkBinding {
  const { name, uid, generation, resourceVersion, deletionTimestamp, finalizers } = metadata;
  return {
    name,
    uid: String(uid),
    generation: Number(generation),
    resourceVersion: String(resourceVersion),
    isDeleting: deletionTimestamp !== undefined,
    finalizers: Array.isArray(finalizers) ? finalizers : [],
    spec: isObject(spec) ? (spec as NetworkBinding["spec"]) : {},
    status: isObject(status) ? (status as NetworkBinding["status"]) : {},
  };
}
