/** A VM from the file of its user: what kubectl prints of it, what is stored, and what virt-controller makes of that. */
import { interfacesOf, type Vmi, type VmiInterface } from "@netbind/kubevirt";
import { expect } from "vitest";
import type { ApiServer } from "./api-server.ts";
import type { ScheduledVm } from "./virt-controller.ts";
import type { ClusterVm, VmCluster } from "./vm-cluster.ts";

/** How a NIC is bound, as it is written and as it is stored: `{ passt: {} }`, `{ binding: { name: "passt" } }`. */
export type Bound = Partial<VmiInterface>;

/** What a user writes, and what is to come of it. */
export interface AsWritten {
  readonly written: Bound;
  /** What the VM says then. */
  readonly inVm: Bound;
  /** What its VMI says; absent: the same. */
  readonly inVmi?: Bound;
  /** What kubectl warns of. */
  readonly warnings: readonly RegExp[];
  /** The images of its pod's sidecars, by digest. */
  readonly sidecars: readonly string[];
}

interface StoredVm {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: {
    readonly template: { readonly metadata?: { readonly labels?: object }; readonly spec: Vmi["spec"] };
  };
}

/** A VM with this template, its last NIC bound as `written`: it is the one that a case is about. */
function vmOf({ metadata: { name, namespace }, spec }: Vmi, written: Bound): object {
  const nics = spec.domain.devices?.interfaces ?? [];
  const interfaces = nics.map((nic, at) => {
    const { binding: _, ...others } = nic;
    return at === nics.length - 1 ? { ...others, ...written } : nic;
  });
  const template = { ...spec, domain: { ...spec.domain, devices: { ...spec.domain.devices, interfaces } } };
  return {
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", metadata: { name, namespace } },
    spec: { running: true, template: { metadata: { labels: { "kubevirt.io/vm": name } }, spec: template } },
  };
}

/** Applies a file. Gives what kubectl warns of. */
async function apply(api: ApiServer, file: object): Promise<readonly string[]> {
  const said = await api.kubectl(["apply", "--warnings-as-errors", "--filename=-"], file).then(
    () => "",
    (error: Error) => error.message,
  );
  if (said !== "" && !/error: \d+ warnings? received/.test(said)) throw new Error(said);
  return said.split("\n").flatMap((line) => /Warning: (.*)/.exec(line)?.[1] ?? []);
}

/** The VMI that virt-controller makes of a VM. */
const vmiOf = ({ metadata: { name, namespace, uid }, spec: { template } }: StoredVm): Vmi => {
  const owner = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", name, uid, controller: true };
  const metadata = { name, namespace, labels: { ...template.metadata?.labels }, ownerReferences: [owner] };
  return { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata, spec: template.spec };
};

const vmPath = ({ namespace, name }: Vmi["metadata"]): string =>
  `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachines/${name}`;

interface Containers {
  readonly status: {
    readonly containerStatuses: readonly { readonly name: string; readonly image: string; readonly imageID: string }[];
  };
}

/** The images of a pod's sidecars, as its node has pulled them. */
async function pulledSidecars(api: ApiServer, { pod }: ScheduledVm): Promise<readonly string[]> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
  const { containerStatuses } = (await api.request<Containers>({ path })).status;
  return containerStatuses.filter(({ name }) => name.startsWith("hook-sidecar-")).map(({ imageID }) => imageID);
}

const lastNic = (nics: readonly VmiInterface[]): VmiInterface | undefined => nics.at(-1);

/** Starts a VM as its user applies it, and checks each step until its guest is started. */
export async function startAsWritten(cluster: VmCluster, asked: Vmi, expected: AsWritten): Promise<ClusterVm> {
  const { written, inVm, inVmi = inVm, warnings, sidecars } = expected;
  const said = await apply(cluster.api, vmOf(asked, written));
  expect(said).toEqual(warnings.map((warning) => expect.stringMatching(warning)));
  const stored = await cluster.api.request<StoredVm>({ path: vmPath(asked.metadata) });
  expect(lastNic(stored.spec.template.spec.domain.devices?.interfaces ?? [])).toEqual(nicOf(asked, inVm));
  const scheduled = await cluster.schedule(vmiOf(stored));
  expect(lastNic(interfacesOf(scheduled.vmi))).toEqual(nicOf(asked, inVmi));
  expect(await pulledSidecars(cluster.api, scheduled)).toEqual(sidecars);
  return cluster.boot(scheduled);
}

/** The NIC that a case is about, bound in a way. */
function nicOf(vmi: Vmi, bound: Bound): object {
  const { binding: _, ...others } = lastNic(interfacesOf(vmi)) ?? { name: "" };
  return { ...others, ...bound };
}
