import { type Attachment, type BindingDescription, type NicSpec, type Violation, violation } from "@netbind/contract";
import {
  type BindingRegistration,
  interfaceOf,
  INTERFACES_PATH,
  interfacesOf,
  type KubevirtConfiguration,
  linksToRefresh,
  networkMigratable,
  type ResolvedBinding,
  type Vmi,
} from "@netbind/kubevirt";
import type { PodNetworkRequest } from "@netbind/kubevirt/pod";
import type { DecidedNic, PodDecision } from "./decide.ts";

/** A running VM, as its record describes it. */
export interface RunningVm {
  readonly vmi: Vmi;
  /** Its NICs, as they are attached in the pod that it runs in. */
  readonly attached: readonly Attachment[];
  /** Binding of each NIC, by logical name. */
  readonly bindingOf: Readonly<Record<string, string>>;
  readonly bindings: readonly ResolvedBinding[];
}

type Migration = BindingDescription["migration"];

/** What a migration asks of a VM's bindings: what the KubeVirt CR says of them, and what they say of themselves. */
export interface MigrationInputs {
  readonly registered: Readonly<Record<string, BindingRegistration>>;
  /** By binding's name; of those that can be asked. */
  readonly declared: Readonly<Record<string, Migration>>;
}

const REGISTRATIONS: Readonly<Record<Migration, BindingRegistration>> = {
  none: {},
  supported: { migration: {} },
  "link-refresh": { migration: { method: "link-refresh" } },
};

/** The registrations, with that of each binding that has none as it would be registered. */
function configurationOf({ registered, declared }: MigrationInputs): KubevirtConfiguration {
  const own = Object.fromEntries(Object.entries(declared).map(([name, migration]) => [name, REGISTRATIONS[migration]]));
  return { network: { binding: { ...own, ...registered } } };
}

/** All that keeps a VM in the pod that it runs in: KubeVirt's rule for its pod network, and bindings that move nothing. */
export function migrationProblems(
  { vmi, attached, bindingOf }: RunningVm,
  inputs: MigrationInputs,
): readonly Violation[] {
  const plugins = new Set(interfacesOf(vmi).flatMap(({ name, binding }) => (binding === undefined ? [] : [name])));
  // Of KubeVirt's own bindings its rule speaks, and on another network than the pod's it moves a VM whatever its binding says.
  const fixed = attached.filter(
    ({ name, network }) =>
      plugins.has(name) && network.kind === "pod" && inputs.declared[bindingOf[name] ?? ""] === "none",
  );
  const stays = fixed.map(({ name, index }) =>
    violation(
      `${INTERFACES_PATH}[${index}]`,
      `binding "${bindingOf[name]}" of NIC "${name}" cannot be migrated`,
      "use a binding that can, such as masquerade, and start the VM again",
    ),
  );
  const rule = networkMigratable(vmi, configurationOf(inputs));
  return stays.length > 0 || rule.migratable ? stays : [violation(INTERFACES_PATH, rule.problem, rule.fix)];
}

/** The NICs whose link goes down and up once the VM runs in its next pod. */
export const refreshedNics = (vmi: Vmi, inputs: MigrationInputs): readonly string[] =>
  linksToRefresh(vmi, configurationOf(inputs));

/** The NIC as its author wrote it, without what its pod added. */
function specOf(attachment: Attachment): NicSpec {
  const { cause: _cause, mac: _mac, index: _index, queues: _queues, pod: _pod, ...rest } = attachment;
  const {
    names: _names,
    resolvConf: _resolvConf,
    hostname: _hostname,
    migrationTransport: _transport,
    ...others
  } = rest;
  const { allocatedDevices: _devices, deviceInfo: _info, ...spec } = others;
  return spec;
}

const nicAgain = (attachment: Attachment, binding: string, vmi: Vmi): DecidedNic => ({
  spec: specOf(attachment),
  binding,
  isPlugin: interfaceOf(vmi, attachment.name)?.binding !== undefined,
  index: attachment.index,
  // The guest keeps its MAC address, wherever it came from.
  mac: attachment.mac,
  takesPodMac: false,
  queues: attachment.queues,
  names: attachment.names,
  migrationTransport: attachment.migrationTransport,
});

/**
 * What the target pod of a migration is made from. Nothing is decided again: NICs, MAC addresses, queues, names and
 * bindings are those of the pod that the VM runs in, because the guest goes on with them.
 */
export const targetDecision = (
  { vmi, attached, bindingOf, bindings }: RunningVm,
  networks: readonly PodNetworkRequest[],
): PodDecision => ({
  vmi,
  nics: attached.map((attachment) => nicAgain(attachment, bindingOf[attachment.name] ?? "", vmi)),
  bindings,
  networks,
});
