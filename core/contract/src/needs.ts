/** What the VM's compute container must have for this NIC. */
export interface ComputeNeeds {
  /** Linux capabilities beyond NET_BIND_SERVICE. Each needs the administrator's grant; PodSecurity may refuse them. */
  readonly capabilities?: readonly string[];
  /** Device plugin resources, by name, with the number of devices. Each needs the administrator's grant. */
  readonly devices?: Readonly<Record<string, number>>;
  /** Bytes that the binding costs beside the guest. */
  readonly memoryOverheadBytes?: number;
}

/** What the pod must have. */
export interface PodNeeds {
  /** By name, each of which needs the administrator's grant. What the pod has already stays. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the binding's sidecar container must have. */
export interface SidecarNeeds {
  readonly memoryBytes?: number;
  /** Thousandths of a processor. */
  readonly cpuMillis?: number;
}

/** What a pod must have before a NIC can be attached in it, by place. The core merges those of all NICs. */
export interface Needs {
  readonly compute?: ComputeNeeds;
  readonly pod?: PodNeeds;
  readonly sidecar?: SidecarNeeds;
}
