import { randomUUID } from "node:crypto";
import { defined } from "@netbind/contract";
import type { Decision } from "@netbind/engine";
import type { Vmi } from "@netbind/kubevirt";
import { podGroup } from "../pod/pod-groups.ts";
import { WRITABLE_SIZE } from "../pod/writable.ts";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { freeUidsOfVm } from "../record/pods.ts";
import { type State, vmId } from "../record/state.ts";

/** The record of a VM before anything of it is made. */
export function newRecord(state: State, vmi: Vmi, source: string, decision: Decision): LocalPodRecord {
  const { namespace, name } = vmi.metadata;
  const id = vmId(namespace, name);
  const cgroup = podGroup(state, id);
  return defined({
    version: 1,
    id,
    namespace,
    name,
    uid: vmi.metadata.uid ?? randomUUID(),
    ...freeUidsOfVm(state, id),
    source,
    createdAt: new Date().toISOString(),
    phase: "starting",
    vmi,
    netns: state.podNetns(id),
    attachments: [],
    bindings: Object.fromEntries(decision.nics.map(({ spec, binding }) => [spec.name, binding])),
    nics: {},
    processes: [],
    resolved: decision.bindings,
    registered: decision.registered,
    grants: decision.grants,
    writable: WRITABLE_SIZE,
    cgroup,
  });
}
