import { type ApiObject, VMIS } from "@netbind/kube";
import { clusterTable, type ClusterVm } from "@netbind/view";
import type { ClusterOptions } from "../commands/cluster-options.ts";
import { vmNotInCluster } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printData, printMessage, screen } from "../output.ts";
import { agentEvents, lastByUid } from "./agent-events.ts";
import { clusterVmOf } from "./cluster-nics.ts";
import { objectAt, textAt } from "./fields.ts";
import { listed, Looks } from "./looks.ts";
import { openCluster, vmNamed } from "./open-cluster.ts";

/** The options of `netbind status` of a cluster. */
export interface ClusterStatusOptions extends ClusterOptions {
  readonly allNamespaces: boolean;
  readonly output: OutputFormat;
}

/** What is kept of a VMI: of thousands, no more. */
const readVmi = ({ metadata, spec, status }: ApiObject): object => ({
  metadata: { namespace: metadata["namespace"], name: metadata.name, uid: metadata["uid"] },
  spec: {
    domain: { devices: { interfaces: objectAt(spec, "domain", "devices")["interfaces"] } },
    networks: objectAt(spec)["networks"],
  },
  status: {
    phase: textAt(status, "phase"),
    nodeName: textAt(status, "nodeName"),
    interfaces: objectAt(status)["interfaces"],
  },
});

/** The VMIs of a namespace, or of all, each with the node agent's last word. */
async function clusterVms(
  looks: Looks,
  namespace: string | undefined,
  name: string | undefined,
): Promise<readonly ClusterVm[]> {
  const within = namespace === undefined ? {} : { namespace };
  const named = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` };
  const [vmis, events] = await Promise.all([
    looks.list({ resource: VMIS, ...within, ...named, read: readVmi }),
    looks.list(agentEvents(namespace)),
  ]);
  if ("unknown" in vmis) throw vmis.error;
  const said = lastByUid(listed(events));
  return listed(vmis).map((vmi) => clusterVmOf(objectAt(vmi), said.get(textAt(vmi, "metadata", "uid"))));
}

/** `netbind status` of a cluster: the NICs of its VMs. */
export async function clusterStatus(vm: string | undefined, options: ClusterStatusOptions): Promise<number> {
  using cluster = openCluster(options);
  const named = vm === undefined ? undefined : vmNamed(vm, cluster.namespace);
  const namespace = named?.namespace ?? (options.allNamespaces ? undefined : cluster.namespace);
  const looks = new Looks(cluster.client);
  const vms = await clusterVms(looks, namespace, named?.name);
  if (named !== undefined && vms.length === 0) throw vmNotInCluster(named, cluster.context);
  if (options.output !== "text") printData({ vms, notChecked: looks.notChecked }, options.output);
  else {
    print(
      vms.length > 0
        ? clusterTable(vms, screen())
        : `no VMs run ${namespace === undefined ? "in the cluster" : `in namespace ${namespace}`}`,
    );
    for (const text of looks.notChecked) printMessage(`note: not checked: ${text}`);
  }
  return EXIT.ok;
}
