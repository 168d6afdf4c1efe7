import { type Binding, defined, type Violation, violation } from "@netbind/contract";
import { type MigrationInputs, migrationProblems, type RunningVm } from "@netbind/engine";
import type { ResolvedBinding } from "@netbind/kubevirt";
import { networkOf } from "@netbind/kubevirt";
import type { PodNetworkRequest } from "@netbind/kubevirt/pod";
import { connectBinding } from "@netbind/remote/binding";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import type { Launcher } from "../launcher/launcher.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { holdAttachSocket, sidecarLocation } from "../pod/sidecar-paths.ts";
import { answersAsBinding } from "../pod/sidecar-files.ts";
import type { State } from "../record/state.ts";
import { writableDirectory } from "../pod/writable.ts";

/** What an older record says of its bindings: all of them had a sidecar. */
const resolvedBy = ({ sidecars = {} }: LocalPodRecord): readonly ResolvedBinding[] =>
  Object.keys(sidecars)
    .sort()
    .map((name) => ({ name, image: name, from: "fallback" }));

/** A recorded VM, as its next pod is made from it. */
export function runningVm(record: LocalPodRecord): RunningVm {
  const resolved = record.resolved ?? resolvedBy(record);
  // A NIC that came while the VM ran may have a binding that no sidecar of the pod serves: its next pod needs none either.
  const added = [...new Set(Object.values(record.bindings))].filter((binding) =>
    resolved.every(({ name }) => name !== binding),
  );
  const bindings = [...resolved, ...added.map((name): ResolvedBinding => ({ name, from: "fallback" }))];
  return { vmi: record.vmi, attached: record.attached ?? [], bindingOf: record.bindings, bindings };
}

/** The pod's networks, to be asked for once more. A guest that took a link's MAC address needs it again. */
export const networksAgain = ({
  attachments,
  attached = [],
  nics,
  vmi,
}: LocalPodRecord): readonly PodNetworkRequest[] =>
  attachments.map(({ network, ifname, config, mac, cniArgs, device }) => {
    const taken = nics[network]?.podLink?.mac;
    const wanted = mac ?? (attached.some((nic) => nic.name === network && nic.mac === taken) ? taken : undefined);
    const replacesPodNetwork = networkOf(vmi, network)?.multus?.default === true;
    return defined({
      ...{ network, ifname, config, replacesPodNetwork, field: "" },
      mac: wanted,
      cniArgs,
      resourceName: device?.resource,
    });
  });

/** Asks the VM's bindings what a migration means for them: those that have no sidecar which answers, in this process. */
export async function migrationInputs(
  state: State,
  record: LocalPodRecord,
  own: ReadonlyMap<string, Binding>,
): Promise<MigrationInputs> {
  const { sidecars = {}, registered = {}, bindings } = record;
  const user = vmUserOf(record);
  const declared: Record<string, MigrationInputs["declared"][string]> = {};
  for (const name of Object.values(bindings)) {
    const binding = own.get(name);
    if (binding !== undefined && !Object.hasOwn(registered, name)) declared[name] = binding.migration;
  }
  for (const [name, spec] of Object.entries(sidecars)) {
    const binding = own.get(name);
    if (!answersAsBinding(spec)) {
      if (binding !== undefined) declared[name] = binding.migration;
      continue;
    }
    using socket = holdAttachSocket(sidecarLocation(writableDirectory(state, record), spec.container, user));
    const client = connectBinding(socket.path);
    try {
      declared[name] = (await client.describe()).migration;
    } finally {
      client.close();
    }
  }
  return { registered, declared };
}

/** What of the VM's networks and devices there can be once only on a machine. */
function bound({ attachments }: LocalPodRecord): readonly Violation[] {
  return attachments.flatMap(({ network, device }) =>
    device === undefined
      ? []
      : [
          violation(
            `network ${network}`,
            `its link uses a device of this machine (${device.resource}), which cannot have two links of one MAC address`,
            "migrate to another machine, on a cluster",
          ),
        ],
  );
}

/** All that keeps a VM in its pod. */
export function findMigrationProblems(
  launcher: Launcher,
  record: LocalPodRecord,
  facts: MigrationInputs,
): readonly Violation[] {
  if (record.phase !== "running" || launcher.qemu() === undefined)
    return [violation("", "it does not run", "see netbind status and netbind check")];
  const { changing } = record;
  if (changing !== undefined)
    return [
      violation(`NIC ${changing.nic}`, "it is being changed", "run netbind apply to finish what was interrupted"),
    ];
  const meets = record.launcher !== undefined;
  const old = violation(
    "",
    "its launcher was started by an older netbind, which had no migration",
    "stop the VM and start it again",
  );
  return [...migrationProblems(runningVm(record), facts), ...bound(record), ...(meets ? [] : [old])];
}
