import { typeOf, VALIDATING_WEBHOOKS } from "@netbind/kube";

/** Where API servers reach the webhooks: a Service of the cluster's, or a URL. */
export type WebhookTarget = { readonly service: string; readonly namespace: string } | { readonly url: string };

/** What the configurations are made of. */
export interface ConfigurationInputs {
  readonly target: WebhookTarget;
  /** Certificates that API servers are to trust, as PEM. */
  readonly authorities: readonly string[];
  /** The names of our bindings. */
  readonly names: readonly string[];
}

/** What asks for VMs with our bindings, and is not to be passed by; and what asks for all others, if it can. */
export const CONFIGURATION_NAMES = ["netbind-bindings", "netbind-others"] as const;

/** Seconds that an API server waits for an answer. */
const TIMEOUT = 5;
const PATH = "/validate";

interface Asked {
  readonly name: string;
  readonly group: string;
  readonly resource: string;
  /** From the object to the spec of VMs, as CEL, which takes each field that is absent. */
  readonly spec: string;
}

const ASKED: readonly Asked[] = [
  { name: "vms", group: "kubevirt.io", resource: "virtualmachines", spec: "?spec.?template.?spec" },
  { name: "vmis", group: "kubevirt.io", resource: "virtualmachineinstances", spec: "?spec" },
  {
    ...{ name: "replicasets", group: "kubevirt.io", resource: "virtualmachineinstancereplicasets" },
    spec: "?spec.?template.?spec",
  },
  {
    ...{ name: "pools", group: "pool.kubevirt.io", resource: "virtualmachinepools" },
    spec: "?spec.?virtualMachineTemplate.?spec.?template.?spec",
  },
];

/** CEL that is true for an object with an interface of ours. Names of NetworkBindings have no quotation marks. */
const hasOurs = (spec: string, names: readonly string[]): string =>
  `object.${spec}.?domain.?devices.?interfaces.orValue([]).exists(nic, ` +
  `nic.?binding.?name.orValue("") in ${JSON.stringify([...names].sort())})`;

const CHANGED = "oldObject == null || object.?spec != oldObject.?spec";
const STAYING = "!has(object.metadata.deletionTimestamp)";

function clientConfig(target: WebhookTarget, authorities: readonly string[]): object {
  const caBundle = Buffer.from(`${authorities.join("\n")}\n`).toString("base64");
  if ("url" in target) return { caBundle, url: `${target.url}${PATH}` };
  const { service: name, namespace } = target;
  return { caBundle, service: { name, namespace, path: PATH, port: 443 } };
}

/** The two configurations by which API servers ask the webhooks (admissionregistration.k8s.io/v1). */
export function webhookConfigurations({ target, authorities, names }: ConfigurationInputs): readonly object[] {
  return CONFIGURATION_NAMES.map((name) => {
    const isOurs = name === "netbind-bindings";
    const webhooks = ASKED.map(({ name: kind, group, resource, spec }) => ({
      name: `${kind}.${isOurs ? "bindings" : "others"}.netbind.dev`,
      ...{ admissionReviewVersions: ["v1"], sideEffects: "None", timeoutSeconds: TIMEOUT, matchPolicy: "Equivalent" },
      failurePolicy: isOurs ? "Fail" : "Ignore",
      clientConfig: clientConfig(target, authorities),
      rules: [
        {
          ...{ apiGroups: [group], apiVersions: ["*"], resources: [resource], scope: "Namespaced" },
          operations: ["CREATE", "UPDATE"],
        },
      ],
      matchConditions: [
        // Finalizers and labels pass, whatever the webhooks do.
        { name: "is-staying", expression: STAYING },
        { name: "is-changed", expression: CHANGED },
        { name: "bindings", expression: isOurs ? hasOurs(spec, names) : `!(${hasOurs(spec, names)})` },
      ],
    }));
    return { ...typeOf(VALIDATING_WEBHOOKS), metadata: { name }, webhooks };
  });
}
