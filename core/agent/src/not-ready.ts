/** What a pod waits for: the reason that is reported where it does not come, and what to do then. */
const AWAITED = {
  sidecar: { reason: "SIDECAR_MISSING", hint: "check why the pod's sidecars do not run: kubectl describe pod" },
  network: {
    reason: "NETWORK_MISSING",
    hint: "check why the pod has no network: kubectl describe pod, and the log of the cluster's CNI plugin",
  },
  binding: {
    reason: "BINDING_UNREACHABLE",
    hint: "start the binding's process beside the node agent (its image, in the role binding), and see its log",
  },
} as const;

/** Something that is on its way is not there: no failure, and asked again soon. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly reason: string;
  /** What to do where it does not come. */
  readonly hint: string;

  constructor(message: string, awaited: keyof typeof AWAITED = "sidecar") {
    super(message);
    ({ reason: this.reason, hint: this.hint } = AWAITED[awaited]);
  }
}
