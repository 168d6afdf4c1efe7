import { MUTATING_WEBHOOKS, type Resource, typeOf, VALIDATING_WEBHOOKS } from "@netbind/kube";
import { BINDINGS_ANNOTATION } from "./mutate/plan-vm-patch.ts";

/** Where API servers reach the webhooks: a Service of the cluster's, or a URL. */
export type WebhookTarget = { readonly service: string; readonly namespace: string } | { readonly url: string };

/** What the configurations are made of. */
export interface ConfigurationInputs {
  readonly target: WebhookTarget;
  /** Certificates that API servers are to trust, as PEM. */
  readonly authorities: readonly string[];
  /** The names of our bindings. */
  readonly names: readonly string[];
  /** The core bindings that the cluster's KubeVirt has removed: those of the same names serve in their place. */
  readonly removed: readonly string[];
  /** The account that makes launcher pods. */
  readonly virtController: string;
}

/** Where a configuration is. */
export interface ConfigurationPlace {
  readonly resource: Resource;
  readonly name: string;
}

/** A configuration by which API servers ask the webhooks. */
export interface WebhookConfiguration extends ConfigurationPlace {
  readonly body: object;
}

/** Where the webhooks are, below their address. */
export const WEBHOOK_PATHS = { validate: "/validate", mutate: "/mutate", mutatePod: "/mutate-pod" } as const;

/** What asks for VMs with our bindings, and is not to be passed by; and what asks for all others, if it can. */
const BINDINGS = "netbind-bindings";
const OTHERS = "netbind-others";
/**
 * What adds to launcher pods. API servers ask mutating webhooks in the order of their configurations' names, and a mesh's
 * injector (`istio-sidecar-injector`), which reads what is added, is not asked again.
 */
const NEEDS = "binding-needs.netbind.dev";

/** The configuration that replicas read to learn what API servers have been told: the last one that is written. */
export const FOLLOWED_CONFIGURATION: ConfigurationPlace = { resource: MUTATING_WEBHOOKS, name: BINDINGS };

/** Where the configurations are: an administrator makes them, empty, and the controller fills them. */
export const CONFIGURATION_PLACES: readonly ConfigurationPlace[] = [
  { resource: VALIDATING_WEBHOOKS, name: BINDINGS },
  { resource: VALIDATING_WEBHOOKS, name: OTHERS },
  FOLLOWED_CONFIGURATION,
  { resource: MUTATING_WEBHOOKS, name: NEEDS },
];

/** Seconds that an API server waits for an answer. */
const TIMEOUT = 5;

interface Asked {
  readonly name: string;
  readonly group: string;
  readonly resource: string;
  /** From the object to the spec of VMs, as CEL, which takes each field that is absent. */
  readonly spec: string;
}

const TEMPLATE_SPEC = "?spec.?template.?spec";
const VMS: Asked = { name: "vms", group: "kubevirt.io", resource: "virtualmachines", spec: TEMPLATE_SPEC };
const VMIS: Asked = { name: "vmis", group: "kubevirt.io", resource: "virtualmachineinstances", spec: "?spec" };
const ASKED: readonly Asked[] = [
  VMS,
  VMIS,
  {
    ...{ name: "replicasets", group: "kubevirt.io", resource: "virtualmachineinstancereplicasets" },
    spec: TEMPLATE_SPEC,
  },
  {
    ...{ name: "pools", group: "pool.kubevirt.io", resource: "virtualmachinepools" },
    spec: "?spec.?virtualMachineTemplate.?spec.?template.?spec",
  },
];

/** A text as CEL has it. Names of NetworkBindings and accounts have no quotation marks. */
const quoted = (value: string | readonly string[]): string => JSON.stringify(value);

/** CEL that is true for an object with an interface of which something else is. */
const hasNic = (spec: string, isSuch: string): string =>
  `object.${spec}.?domain.?devices.?interfaces.orValue([]).exists(nic, ${isSuch})`;

/** CEL that is true for an interface with a core binding that is removed. */
const isRemoved = ({ removed }: ConfigurationInputs): readonly string[] =>
  removed.map((key) => `nic.?${key}.hasValue()`);

/** CEL that is true for an interface of ours. */
const isOurs = (inputs: ConfigurationInputs): string =>
  [`nic.?binding.?name.orValue("") in ${quoted([...inputs.names].sort())}`, ...isRemoved(inputs)].join(" || ");

/** Finalizers and labels pass, and stops and starts of VMs do, whatever the webhooks do. */
const changes = (spec: string): readonly object[] => [
  { name: "is-staying", expression: "!has(object.metadata.deletionTimestamp)" },
  { name: "is-changed", expression: `oldObject == null || object.${spec} != oldObject.${spec}` },
];

function clientConfig({ target, authorities }: ConfigurationInputs, path: string): object {
  const caBundle = Buffer.from(`${authorities.join("\n")}\n`).toString("base64");
  if ("url" in target) return { caBundle, url: `${target.url}${path}` };
  const { service: name, namespace } = target;
  return { caBundle, service: { name, namespace, path, port: 443 } };
}

const rule = (group: string, version: string, resource: string, operations: readonly string[]): object => ({
  ...{ apiGroups: [group], apiVersions: [version], resources: [resource], scope: "Namespaced", operations },
});

const COMMON = { admissionReviewVersions: ["v1"], sideEffects: "None", timeoutSeconds: TIMEOUT };

const validating = (inputs: ConfigurationInputs, configuration: typeof BINDINGS | typeof OTHERS): object[] =>
  ASKED.map(({ name, group, resource, spec }) => {
    const ours = hasNic(spec, isOurs(inputs));
    const isFailing = configuration === BINDINGS;
    return {
      name: `${name}.${isFailing ? "bindings" : "others"}.netbind.dev`,
      ...{ ...COMMON, matchPolicy: "Equivalent", failurePolicy: isFailing ? "Fail" : "Ignore" },
      clientConfig: clientConfig(inputs, WEBHOOK_PATHS.validate),
      rules: [rule(group, "*", resource, ["CREATE", "UPDATE"])],
      matchConditions: [...changes(spec), { name: "bindings", expression: isFailing ? ours : `!(${ours})` }],
    };
  });

/** What is changed is asked for where there is something to change, and is not to be passed by. */
const MUTATING = { ...COMMON, matchPolicy: "Equivalent", failurePolicy: "Fail", reinvocationPolicy: "IfNeeded" };

function mutating(inputs: ConfigurationInputs): object[] {
  const removed = isRemoved(inputs).join(" || ");
  // A VM's template stays as its author wrote it, but for what KubeVirt refuses; a VMI's spec is immutable.
  const asked = [
    { asked: VMS, operations: ["CREATE", "UPDATE"], isSuch: removed },
    { asked: VMIS, operations: ["CREATE"], isSuch: isOurs(inputs) },
  ].filter(({ isSuch }) => isSuch !== "");
  return asked.map(({ asked: { name, group, resource, spec }, operations, isSuch }) => ({
    name: `${name}.mutation.netbind.dev`,
    ...MUTATING,
    clientConfig: clientConfig(inputs, WEBHOOK_PATHS.mutate),
    rules: [rule(group, "*", resource, operations)],
    matchConditions: [...changes(spec), { name: "bindings", expression: hasNic(spec, isSuch) }],
  }));
}

/** What is added to launcher pods. */
const needs = (inputs: ConfigurationInputs): object[] => [
  {
    name: "pods.mutation.netbind.dev",
    ...MUTATING,
    clientConfig: clientConfig(inputs, WEBHOOK_PATHS.mutatePod),
    rules: [rule("", "v1", "pods", ["CREATE"])],
    matchConditions: [
      { name: "is-virt-controllers", expression: `request.userInfo.username == ${quoted(inputs.virtController)}` },
      {
        name: "has-bindings",
        expression: `object.metadata.?annotations.orValue({}).exists(name, name == ${quoted(BINDINGS_ANNOTATION)})`,
      },
    ],
  },
];

/** The configurations by which API servers ask the webhooks (admissionregistration.k8s.io/v1). */
export function webhookConfigurations(inputs: ConfigurationInputs): readonly WebhookConfiguration[] {
  const webhooks = [validating(inputs, BINDINGS), validating(inputs, OTHERS), mutating(inputs), needs(inputs)];
  return CONFIGURATION_PLACES.map(({ resource, name }, at) => {
    return { resource, name, body: { ...typeOf(resource), metadata: { name }, webhooks: webhooks[at] } };
  });
}
