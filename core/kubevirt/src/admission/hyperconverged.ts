import { type Violation, violation } from "@netbind/contract";
import { check, map, open, unknownFieldProblem } from "@netbind/contract/shape";
import type { BindingRegistration, KubevirtConfiguration } from "../api.ts";
import { nearestName } from "../values/nearest-name.ts";
import { applyJsonPatch, type Patched } from "../values/json-patch.ts";
import { checkKubevirt, kubevirtConfiguration, METADATA, REGISTRATION } from "./schema.ts";
import { soundPart } from "./shape.ts";

/** The annotation with which an administrator changes what the operator writes into the KubeVirt CR: a JSON patch of it. */
const PATCH_ANNOTATION = "kubevirt.kubevirt.io/jsonpatch";

const REGISTERING = open({ networkBinding: map(REGISTRATION) });
const HYPERCONVERGED = open({
  metadata: METADATA,
  spec: open({ networkBinding: map(REGISTRATION), networking: REGISTERING }),
});

interface Registering {
  readonly networkBinding?: Readonly<Record<string, BindingRegistration>>;
}

/** What is read of a HyperConverged CR. */
interface HyperConverged {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Registering & { readonly networking?: Registering };
}

const read = (document: unknown): HyperConverged => (soundPart(document, HYPERCONVERGED) ?? {}) as HyperConverged;

/** What the operator registers in every cluster, whatever the CR says: a NIC of a user-defined primary network. */
const OPERATORS_OWN = { l2bridge: { domainAttachmentType: "managedTap", migration: {} } } as const;

/** The plugins that a CR's own fields register. */
const registeredIn = ({ spec }: HyperConverged): Readonly<Record<string, BindingRegistration>> => ({
  ...spec?.networkBinding,
  ...spec?.networking?.networkBinding,
});

/** The KubeVirt CR that an operator writes of a HyperConverged CR, patched by the annotation; undefined without one. */
function patchedBy(operator: HyperConverged): Patched | undefined {
  const text = operator.metadata?.annotations?.[PATCH_ANNOTATION];
  if (text === undefined) return undefined;
  const network = { defaultNetworkInterface: "masquerade", binding: { ...registeredIn(operator), ...OPERATORS_OWN } };
  return applyJsonPatch({ spec: { configuration: { network, developerConfiguration: { featureGates: [] } } } }, text);
}

/** What is wrong with what the annotation says. */
function checkPatch(patched: Patched): readonly Violation[] {
  const found =
    "problem" in patched
      ? [
          violation(
            "",
            `it is not a JSON patch: ${patched.problem}`,
            'write [{"op": "add", "path": ..., "value": ...}]',
          ),
        ]
      : checkKubevirt(patched.document);
  return found.map(({ field, problem, fix }) =>
    violation("metadata.annotations", [PATCH_ANNOTATION, field, problem].filter((text) => text).join(": "), fix),
  );
}

/** The fields that register plugins: of the many others of the operator's nothing is known. */
const REGISTERING_FIELDS = ["networkBinding", "networking"] as const;
const MOST_EDITS = 2;

/** Fields that are slips of those that register plugins. */
function findSlips(document: unknown): readonly Violation[] {
  const spec = (document as { readonly spec?: unknown } | null)?.spec;
  return Object.keys(typeof spec === "object" && spec !== null ? spec : {}).flatMap((name) => {
    const meant = REGISTERING_FIELDS.some((field) => field === name)
      ? undefined
      : nearestName(name, REGISTERING_FIELDS, MOST_EDITS);
    return meant === undefined
      ? []
      : [violation(`spec.${name}`, unknownFieldProblem(name), `the nearest known field is ${JSON.stringify(meant)}`)];
  });
}

/** What is wrong with the shape of a HyperConverged CR (`hco.kubevirt.io`), as far as it configures a VM's networks. */
export function checkHyperConverged(document: unknown): readonly Violation[] {
  const patched = patchedBy(read(document));
  return [
    ...check(document, HYPERCONVERGED, ""),
    ...findSlips(document),
    ...(patched === undefined ? [] : checkPatch(patched)),
  ];
}

/**
 * What the operator of a HyperConverged CR writes into the KubeVirt CR of it, without what has a wrong type: the registrations
 * of `spec.networkBinding`, since `v1` of `spec.networking.networkBinding`, masquerade as the default of VMs without a NIC,
 * and what the annotation that patches the CR makes of that.
 */
export function hyperConvergedConfiguration(document: unknown): KubevirtConfiguration {
  const operator = read(document);
  const patched = patchedBy(operator);
  if (patched !== undefined && "document" in patched) return kubevirtConfiguration(patched.document);
  return {
    network: { defaultNetworkInterface: "masquerade", binding: { ...registeredIn(operator), ...OPERATORS_OWN } },
  };
}

/** Where a field of the KubeVirt CR comes from in a HyperConverged CR: the field of a plugin that it registers, else the annotation. */
export function placeInHyperConverged(field: string, document: unknown, registry: string): string {
  const prefix = "spec.configuration.network.binding.";
  const name = field.startsWith(prefix) ? field.slice(prefix.length) : "";
  const isOwn = Object.keys(registeredIn(read(document))).some((one) => name === one || name.startsWith(`${one}.`));
  return isOwn ? `${registry}.${name}` : "metadata.annotations";
}
