import {
  type ApiObject,
  KUBEVIRTS,
  LEASES,
  NETWORK_BINDINGS,
  PODS,
  VALIDATING_WEBHOOKS,
  VMIS,
  EVENTS,
} from "@netbind/kube";
import { AGENT, agentEvents, readEvent, type SaidEvent } from "./agent-events.ts";
import { fullNameOf, objectsAt, textAt } from "./fields.ts";
import { listed, type Look, type Looks, seenOf } from "./looks.ts";
import { hyperConvergedRegistry, kubevirtRegistry, ownerOf, type Registry } from "./registry.ts";
import {
  DAEMON_SETS,
  DEFINITIONS,
  DEPLOYMENTS,
  KUBEVIRT_PLUGINS,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  NODES,
} from "./resources.ts";

/** The controller's name: as a manager of fields, and of its Deployment and its Lease. */
export const CONTROLLER = "netbind-controller";

/** A VMI, as far as a cluster's health depends on it. */
export interface SeenVmi {
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly bindings: readonly string[];
  /** NetworkAttachmentDefinitions, as `namespace/name`. */
  readonly definitions: readonly string[];
  /** True where multus has reported a link of it. */
  readonly isByMultus: boolean;
}

/** What a cluster has of what Netbind needs. */
export interface ClusterFacts {
  readonly kubevirt: ApiObject | undefined;
  /** False where nothing of KubeVirt CRs may be looked at. */
  readonly isKubevirtKnown: boolean;
  /** What KubeVirt itself reads. */
  readonly registry: Registry | undefined;
  /** The HyperConverged CR that it is written from; absent: none owns it. */
  readonly operator: Look<ApiObject> | undefined;
  readonly operatorRegistry: Registry | undefined;
  readonly overwritten: readonly SaidEvent[];
  readonly bindings: Look<readonly ApiObject[]>;
  /** The names of those that run VMs. */
  readonly nodes: Look<readonly string[]>;
  readonly agents: Look<readonly ApiObject[]>;
  readonly daemonSets: Look<readonly ApiObject[]>;
  readonly controllers: Look<readonly ApiObject[]>;
  /** By which a replica of the controller leads. */
  readonly leases: Look<readonly ApiObject[]>;
  readonly webhooks: { readonly validating: Look<readonly ApiObject[]>; readonly mutating: Look<readonly ApiObject[]> };
  readonly plugins: Look<readonly ApiObject[]>;
  readonly definitions: Look<readonly string[]>;
  readonly vmis: Look<readonly SeenVmi[]>;
  /** Launcher pods that do not run yet. */
  readonly pending: Look<readonly ApiObject[]>;
  readonly said: Look<readonly SaidEvent[]>;
  /** Of the agents' pods. */
  readonly namespaces: readonly ApiObject[];
}

const whole = (object: ApiObject): ApiObject => object;

/** Nodes that KubeVirt starts VMs on. */
const VM_NODE_LABEL = "kubevirt.io/schedulable=true";

/** A node's name: of thousands, no more is kept. */
const readNode = ({ metadata: { name } }: ApiObject): string => name;

/** A NetworkAttachmentDefinition as `namespace/name`, as a network of a VM names it. */
export const definitionName = (named: string, namespace: string): string =>
  named.includes("/") ? named : `${namespace}/${named}`;

function readVmi(vmi: ApiObject): SeenVmi {
  const namespace = textAt(vmi, "metadata", "namespace");
  const interfaces = objectsAt(vmi, "spec", "domain", "devices", "interfaces");
  const networks = objectsAt(vmi, "spec", "networks").map((one) => textAt(one, "multus", "networkName"));
  return {
    name: fullNameOf(vmi),
    uid: textAt(vmi, "metadata", "uid"),
    phase: textAt(vmi, "status", "phase"),
    bindings: interfaces.map((one) => textAt(one, "binding", "name")).filter((name) => name !== ""),
    definitions: networks.filter((name) => name !== "").map((name) => definitionName(name, namespace)),
    isByMultus: objectsAt(vmi, "status", "interfaces").some((one) =>
      textAt(one, "infoSource").includes("multus-status"),
    ),
  };
}

/** A DaemonSet that is the agent's or that of multus, however it is called. */
const readDaemonSet = (set: ApiObject): ApiObject | undefined => {
  const images = objectsAt(set, "spec", "template", "spec", "containers").map((one) => textAt(one, "image"));
  return set.metadata.name === AGENT || isOfMultus(set.metadata.name, images) ? set : undefined;
};

export const isOfMultus = (name: string, images: readonly string[]): boolean =>
  [name, ...images].some((text) => text.includes("multus"));

/** Webhook configurations of Netbind: all are called so. */
const readWebhooks = (object: ApiObject): ApiObject | undefined =>
  /^netbind-|\.netbind\.dev$/.test(object.metadata.name) ? object : undefined;

/** The KubeVirt CR of a cluster, and who writes it. @throws ApiError where the cluster does not answer at all */
export async function readKubevirt(
  looks: Looks,
): Promise<
  Pick<ClusterFacts, "kubevirt" | "isKubevirtKnown" | "registry" | "operator" | "operatorRegistry" | "overwritten">
> {
  const look = await looks.list({ resource: KUBEVIRTS, read: whole });
  if ("unknown" in look && look.error.status === undefined) throw look.error;
  const [kubevirt] = listed(look);
  const isKubevirtKnown = !("unknown" in look);
  const none = { isKubevirtKnown, operator: undefined, operatorRegistry: undefined, overwritten: [] };
  if (kubevirt === undefined) return { kubevirt, registry: undefined, ...none };
  const registry = kubevirtRegistry(kubevirt);
  const owner = ownerOf(kubevirt);
  if (owner === undefined) return { kubevirt, registry, ...none };
  const namespace = textAt(kubevirt, "metadata", "namespace");
  const [operator, events] = await Promise.all([
    looks.get({ resource: owner.resource, namespace, name: owner.name }),
    looks.list({ resource: EVENTS, namespace, fieldSelector: "reason=Overwritten", read: readEvent }),
  ]);
  const seen = seenOf(operator);
  const operatorRegistry = seen && hyperConvergedRegistry(seen, owner.resource);
  return { kubevirt, isKubevirtKnown, registry, operator, operatorRegistry, overwritten: listed(events) };
}

async function readNamespaces(looks: Looks, agents: readonly ApiObject[]): Promise<readonly ApiObject[]> {
  const names = [...new Set(agents.map((pod) => textAt(pod, "metadata", "namespace")))];
  const all = await Promise.all(names.map((name) => looks.get({ resource: NAMESPACES, name })));
  return all.flatMap((look) => seenOf(look) ?? []);
}

/** Looks at a cluster. @throws ApiError where it does not answer at all */
export async function readFacts(looks: Looks): Promise<ClusterFacts> {
  // First and alone: a cluster that is not in reach is said once.
  const kubevirt = await readKubevirt(looks);
  const list = { read: whole };
  const [bindings, nodes, agents, daemonSets, controllers, leases, plugins, pending] = await Promise.all([
    looks.list({ resource: NETWORK_BINDINGS, ...list }),
    looks.list({ resource: NODES, labelSelector: VM_NODE_LABEL, read: readNode }),
    looks.list({ resource: PODS, labelSelector: `app=${AGENT}`, ...list }),
    looks.list({ resource: DAEMON_SETS, read: readDaemonSet }),
    looks.list({ resource: DEPLOYMENTS, fieldSelector: `metadata.name=${CONTROLLER}`, ...list }),
    looks.list({ resource: LEASES, fieldSelector: `metadata.name=${CONTROLLER}`, ...list }),
    looks.list({ resource: KUBEVIRT_PLUGINS, ...list }),
    looks.list({
      ...{ resource: PODS, labelSelector: "kubevirt.io=virt-launcher", fieldSelector: "status.phase=Pending" },
      ...list,
    }),
  ]);
  const [validating, mutating, definitions, vmis, said, namespaces] = await Promise.all([
    looks.list({ resource: VALIDATING_WEBHOOKS, read: readWebhooks }),
    looks.list({ resource: MUTATING_WEBHOOKS, read: readWebhooks }),
    looks.list({ resource: DEFINITIONS, read: fullNameOf }),
    looks.list({ resource: VMIS, read: readVmi }),
    looks.list(agentEvents()),
    readNamespaces(looks, [...listed(agents), ...listed(daemonSets).filter(isAgents)]),
  ]);
  return {
    ...{ ...kubevirt, bindings, nodes, agents, daemonSets, controllers, leases, plugins, pending },
    ...{ webhooks: { validating, mutating }, definitions, vmis, said, namespaces },
  };
}

export const isAgents = ({ metadata }: ApiObject): boolean => metadata.name === AGENT;
export const isOfMultusSet = (set: ApiObject): boolean => !isAgents(set);
