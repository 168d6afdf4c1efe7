import { isObject } from "@netbind/contract/shape";
import type { ApiObject } from "@netbind/kube";
import type { KubevirtConfiguration } from "@netbind/kubevirt";
import { kubevirtConfiguration } from "@netbind/kubevirt/admission";

/** A KubeVirt CR, as far as it is followed. */
export interface KubevirtCr {
  readonly name: string;
  readonly configuration: KubevirtConfiguration;
  /** Of the KubeVirt that runs, such as `v1.9.0`; empty: its CR does not say. */
  readonly version: string;
  readonly created: string;
  readonly isDeleting: boolean;
}

export function readKubevirt(object: ApiObject): KubevirtCr {
  const { name, creationTimestamp, deletionTimestamp } = object.metadata;
  const { observedKubeVirtVersion } = isObject(object["status"]) ? object["status"] : {};
  const version = typeof observedKubeVirtVersion === "string" ? observedKubeVirtVersion : "";
  const created = String(creationTimestamp);
  const configuration = kubevirtConfiguration(object);
  return { name, configuration, version, created, isDeleting: deletionTimestamp !== undefined };
}

/** The CR that KubeVirt works by: the oldest of several, whose others its own webhook refuses. */
export const chooseKubevirt = (crs: readonly KubevirtCr[]): KubevirtCr | undefined =>
  crs
    .filter(({ isDeleting }) => !isDeleting)
    .sort((a, b) => a.created.localeCompare(b.created) || a.name.localeCompare(b.name))[0];
