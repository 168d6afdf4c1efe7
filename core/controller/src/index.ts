export { Controller, type ControllerParts } from "./controller.ts";
export type { Registration } from "./network-binding.ts";
export { PlannerSockets } from "./planner-sockets.ts";
export { type Release, type ReleasedEntry, releaseOf, type ReleaseParts } from "./release.ts";
export { Reverts } from "./registration/reverts.ts";
export { FIELD_MANAGER } from "./registration/registry.ts";
export { FINALIZER } from "./status/write-status.ts";
export { DueNotices } from "./waiting/due-notices.ts";
export { WaitingVms, type WaitingParts } from "./waiting/waiting-vms.ts";
export { reviewContextOf } from "./webhooks/review-context.ts";
export { ApiLookups, type Looked, type Lookups, type NamedPlace } from "./webhooks/lookups.ts";
export { type AdmissionRequest, answerReview, readReview } from "./webhooks/admission-review.ts";
export { mutatePod, type PodParts } from "./webhooks/mutate/mutate-pod.ts";
export { type NewPod, planPodPatch } from "./webhooks/mutate/plan-pod-patch.ts";
export { BINDINGS_ANNOTATION, planVmPatch } from "./webhooks/mutate/plan-vm-patch.ts";
export { askPodNeeds } from "./webhooks/mutate/pod-needs.ts";
export { qosClassOf } from "./webhooks/mutate/qos-class.ts";
export type { Planner } from "./webhooks/ask-planners.ts";
export { type ReviewContext, reviewVm } from "./webhooks/review-vm.ts";
export { serveWebhooks, type ServerCertificate, type WebhookServer } from "./webhooks/webhook-server.ts";
export { CertificateKeeper, type CertificateParts } from "./webhooks/certificates/certificate-keeper.ts";
export { readSecret } from "./webhooks/certificates/certificate-secret.ts";
export {
  type Certificates,
  type Lifetimes,
  rotate,
  type RotationInputs,
  type ServedCertificates,
} from "./webhooks/certificates/rotate.ts";
export { CONFIGURATION_PLACES, WEBHOOK_PATHS, webhookConfigurations } from "./webhooks/webhook-configurations.ts";
export { Webhooks, type WebhooksParts } from "./webhooks/webhooks.ts";
export { applyBindings } from "./lifecycle/apply-bindings.ts";
export { checkInstallation } from "./lifecycle/check-installation.ts";
export { LifecycleError } from "./lifecycle/lifecycle-error.ts";
export { withdrawAll, type WithdrawParts } from "./lifecycle/withdraw-all.ts";
