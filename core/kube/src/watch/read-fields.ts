import { isObject } from "@netbind/contract/shape";
import { type ClusterSnapshot, readObjects } from "../cluster.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The fields of that name, those that are there; anything but an object is left as it is. */
function pick(value: unknown, ...names: readonly string[]): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]));
}

/** An object with a field in another form, if it has it. */
function withField(value: unknown, name: string, form: (field: unknown) => unknown): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? { ...value, [name]: form(value[name]) } : value;
}

const each =
  (form: (item: unknown) => unknown) =>
  (value: unknown): unknown =>
    Array.isArray(value) ? value.map(form) : value;

/** What is annotated by kubectl for itself: the whole object, once more. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Of a pod's annotations, what multus reports; all else may be as long as its author likes. */
const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";
const POD_LABEL = "kubevirt.io";
const BINDING_NAME = "NETWORK_BINDING_PLUGIN_NAME";

const without = (value: unknown, name: string): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)) : value;

const pickContainer = (container: unknown): unknown =>
  withField(pick(container, "name", "image", "env", "volumeMounts", "securityContext", "resources"), "env", (env) =>
    // The environment is the pod author's; one entry of it is KubeVirt's.
    Array.isArray(env) ? env.filter((entry) => !isObject(entry) || entry["name"] === BINDING_NAME) : env,
  );

const pickPod = ({ kind, metadata, spec, status }: Fields): Fields => ({
  kind,
  metadata: withField(
    withField(
      pick(metadata, "name", "namespace", "uid", "labels", "annotations", "deletionTimestamp", "ownerReferences"),
      "annotations",
      (annotations) => pick(annotations, NETWORK_STATUS),
    ),
    "labels",
    (labels) => pick(labels, POD_LABEL),
  ),
  spec: withField(
    pick(spec, "nodeName", "hostNetwork", "securityContext", "containers"),
    "containers",
    each(pickContainer),
  ),
  ...(status === undefined ? {} : { status: pick(status, "phase", "podIPs") }),
});

const pickVmi = ({ kind, metadata, spec, status }: Fields): Fields => ({
  kind,
  metadata: withField(pick(metadata, "name", "namespace", "uid", "labels", "annotations"), "annotations", (all) =>
    without(all, LAST_APPLIED),
  ),
  spec,
  ...(status === undefined
    ? {}
    : { status: pick(status, "activePods", "interfaces", "migrationState", "migrationTransport", "conditions") }),
});

const pickKubevirt = ({ kind, metadata, spec }: Fields): Fields => ({
  kind,
  metadata: pick(metadata, "name", "namespace", "uid"),
  spec: pick(spec, "configuration"),
});

const pickNetworkBinding = ({ kind, metadata, spec }: Fields): Fields => ({
  kind,
  metadata: pick(metadata, "name"),
  spec: pick(spec, "grants"),
});

const PICKS: Readonly<Record<string, (object: Fields) => Fields>> = {
  Pod: pickPod,
  VirtualMachineInstance: pickVmi,
  KubeVirt: pickKubevirt,
  NetworkBinding: pickNetworkBinding,
};

/** What is kept of an object: the fields that are read, or why it is left out. */
export function readFields(object: Fields): ClusterSnapshot {
  return readObjects([PICKS[String(object["kind"])]?.(object) ?? object]);
}
