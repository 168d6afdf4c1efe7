import { foundBy } from "@netbind/kubevirt/admission";
import { addressOf, defined } from "@netbind/contract";
import { type AskedBinding, decideVmi, type Decision, plannedGuestAddresses, withGrants } from "@netbind/engine";
import {
  bindingName,
  interfaceOf,
  interfacesOf,
  isHotPluggable,
  type NetworkAttachmentDefinition,
  networksOf,
  type Vmi,
  type VmiInterface,
  withInterfaces,
} from "@netbind/kubevirt";
import { parseNadReference } from "@netbind/kubevirt/pod";
import {
  attachNicToVm,
  checkNetworks,
  connectSidecarPlugin,
  DEFAULT_POD_NETWORK,
  detachNicFromVm,
  findVm,
  NicChangeError,
  setNicLink,
  type LocalPodRecord,
  type VmStatus,
  vmStatus,
} from "@netbind/local";
import { nicTable } from "@netbind/view";
import type { Input } from "@netbind/input";
import type { InputFiles } from "../input/read-input.ts";
import { EXIT } from "../exit-codes.ts";
import { loadSurroundings } from "../input/load-input.ts";
import { type OutputFormat, print, printData, printMessage, screen } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { InputError } from "../errors.ts";

/** The options of `netbind attach-nic`. */
export interface AttachOptions extends InputFiles {
  /** `[namespace/]name` of a NetworkAttachmentDefinition. */
  readonly network: string;
  readonly binding: "bridge" | "sriov";
  readonly mac?: string;
  /** Seconds to wait for the guest's address. */
  readonly wait: number;
  readonly output: OutputFormat;
}

/** A NIC of a VM. */
export interface NamedNic {
  /** `[namespace/]name` */
  readonly vm: string;
  readonly nic: string;
}

const LOOK_AGAIN = 500;

/** The definitions that the VM's networks were made by, for those that are not in the input. */
function recordedNads({ vmi, attachments, namespace }: LocalPodRecord): readonly NetworkAttachmentDefinition[] {
  return networksOf(vmi).flatMap(({ name, multus }): readonly NetworkAttachmentDefinition[] => {
    const config = attachments.find(({ network }) => network === name)?.config;
    if (multus === undefined || config === undefined) return [];
    return [{ metadata: parseNadReference(multus.networkName, namespace), spec: { config: JSON.stringify(config) } }];
  });
}

const withNic = (vmi: Vmi, nic: VmiInterface, networkName: string): Vmi =>
  withInterfaces(vmi, [...interfacesOf(vmi), nic], [...networksOf(vmi), { name: nic.name, multus: { networkName } }]);

/** Decides about the VM with its new NIC. @throws InputError with all that is wrong with it */
async function decideWithNic(
  record: LocalPodRecord,
  nic: string,
  { input, options }: { readonly input: Input; readonly options: AttachOptions },
  resolve: Resolve,
): Promise<Decision> {
  const added = { name: nic, [options.binding]: {}, ...defined({ macAddress: options.mac }) };
  if (!isHotPluggable(added))
    throw new NicChangeError(
      `a NIC of binding ${bindingName(added)} cannot be added to a running VM: restart the VM with it`,
    );
  const binding = bindingName(added) ?? "";
  // Where a plugin of another's serves the binding in this VM's pod, it is asked, and not this release's own.
  await using served = await connectSidecarPlugin(resolve(TOKENS.state), record, binding);
  const replaced = served === undefined ? [] : ([[binding, { ...served, ...served.description }]] as const);
  const result = await decideVmi({
    vmi: withNic(record.vmi, added, options.network),
    configuration: input.configuration,
    isClusterKnown: input.configuredBy !== undefined,
    fallback: resolve(TOKENS.fallback),
    bindings: new Map<string, AskedBinding>([...resolve(TOKENS.bindings), ...replaced]),
    grants: withGrants(resolve(TOKENS.grants), record.grants ?? {}),
    nads: [...input.nads, ...recordedNads(record)],
  });
  const own = result.decision?.networks.filter(({ network }) => network === nic) ?? [];
  const found = [
    ...result.violations,
    ...foundBy("NETWORK", checkNetworks(own, { ...resolve(TOKENS.deviceSettings), ...input.deviceSettings })),
  ];
  const located = found.map((one) => ({
    ...one,
    file: `VM ${record.namespace}/${record.name} with NIC ${nic}`,
    line: 1,
    column: 1,
    object: { kind: "VirtualMachineInstance", namespace: record.namespace, name: record.name },
  }));
  if (located.length > 0 || result.decision === undefined) throw new InputError(located);
  return result.decision;
}

/** Waits until the guest has every address that it is given, or time is up. */
async function awaitNic(
  record: LocalPodRecord,
  nic: string,
  { planned, seconds }: { readonly planned: number; readonly seconds: number },
  resolve: Resolve,
): Promise<VmStatus["nics"]> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const { nics } = await vmStatus(
      resolve(TOKENS.exec),
      findVm(resolve(TOKENS.state), `${record.namespace}/${record.name}`),
    );
    const own = nics.filter(({ name }) => name === nic);
    if (own.every(({ guestAddresses }) => guestAddresses.length >= planned) || performance.now() > end) return own;
    await new Promise((done) => setTimeout(done, LOOK_AGAIN));
  }
}

/** `netbind attach-nic`: gives a running VM another NIC. */
export async function attachNic({ vm, nic }: NamedNic, options: AttachOptions, resolve: Resolve): Promise<number> {
  const [state, exec] = [resolve(TOKENS.state), resolve(TOKENS.exec)];
  // Once: standard input is empty the second time.
  const input = loadSurroundings(options);
  if (input.violations.length > 0) throw new InputError(input.violations);
  const record = findVm(state, vm);
  if (interfaceOf(record.vmi, nic) !== undefined)
    throw new NicChangeError(`VM ${record.namespace}/${record.name} has a NIC "${nic}" already: name another`);
  const decision = await decideWithNic(record, nic, { input, options }, resolve);
  const { attachment, plan } = await attachNicToVm({ state, exec }, vm, {
    nic,
    decision,
    bindings: resolve(TOKENS.bindings),
    podNetwork: DEFAULT_POD_NETWORK,
    deviceSettings: { ...resolve(TOKENS.deviceSettings), ...input.deviceSettings },
  });
  printMessage(
    `NIC ${nic} is in VM ${record.namespace}/${record.name}, with MAC ${attachment.mac}${attachment.pod.addresses.length === 0 ? "" : ` and ${attachment.pod.addresses.map(addressOf).join(", ")}`}`,
  );
  const nics = await awaitNic(
    record,
    nic,
    { planned: plannedGuestAddresses(plan).length, seconds: options.wait },
    resolve,
  );
  if (options.output !== "text") printData(nics[0] ?? {}, options.output);
  else print(nicTable(nics, screen()));
  return EXIT.ok;
}

/** `netbind detach-nic`: takes a NIC out of a running VM. */
export async function detachNic({ vm, nic }: NamedNic, output: OutputFormat, resolve: Resolve): Promise<number> {
  await detachNicFromVm({ state: resolve(TOKENS.state), exec: resolve(TOKENS.exec) }, vm, nic);
  if (output !== "text") printData({ detached: nic }, output);
  else print(`NIC ${nic} is removed from VM ${vm}`);
  return EXIT.ok;
}

/** `netbind link`: sets the link of a running VM's NIC up or down. */
export async function setLink(
  { vm, nic, link }: NamedNic & { readonly link: "up" | "down" },
  output: OutputFormat,
  resolve: Resolve,
): Promise<number> {
  await setNicLink({ state: resolve(TOKENS.state), exec: resolve(TOKENS.exec) }, vm, nic, link);
  if (output !== "text") printData({ nic, link }, output);
  else print(`the link of NIC ${nic} of VM ${vm} is ${link}`);
  return EXIT.ok;
}
