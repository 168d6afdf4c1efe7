import type { AnnotatedPod } from "@netbind/kubevirt/pod";
import { interfacesFromPod } from "@netbind/kubevirt/status";
import { migrationRequired, networkMigratable, restartRequired, type Vm } from "@netbind/kubevirt";
import { compare, completeSpec, completeVmi, type Outcome, type Vector, type VmiInput } from "./vector.ts";

/** Whether a VM's networks let it be migrated. */
export const migratable = ({ input, result }: Vector<VmiInput, { readonly error: string | null }>): Outcome =>
  compare(networkMigratable(completeVmi(input.vmi), input.kubevirtConfig ?? {}).migratable, result.error === null);

/** Whether a running VM must be migrated for its networks. */
export const migrationEvaluator = ({
  input,
  result,
}: Vector<VmiInput & { readonly pod: AnnotatedPod; readonly now: string }, { readonly status: string }>): Outcome =>
  compare(migrationRequired(completeVmi(input.vmi), input.pod, Date.parse(input.now)), result.status);

/** Whether a change takes a restart. */
export const restart = ({
  input,
  result,
}: Vector<VmiInput & { readonly vm: Vm }, { readonly restartRequired: boolean }>): Outcome => {
  const vm = { spec: { template: { spec: completeSpec(input.vm.spec.template.spec) } } };
  return compare(restartRequired(vm, completeVmi(input.vmi), input.kubevirtConfig), result.restartRequired);
};

/** The status that a pod's report gives. */
export const vmiStatus = ({
  input,
  result,
}: Vector<VmiInput & { readonly pod: AnnotatedPod }, { readonly interfaces: unknown }>): Outcome =>
  compare(interfacesFromPod(completeVmi(input.vmi), input.pod), result.interfaces);
