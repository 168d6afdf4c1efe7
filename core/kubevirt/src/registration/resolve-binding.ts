import { defined, type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration } from "../api.ts";
import type { Sources } from "../admission/surroundings.ts";
import { nearestName, withMeant } from "../values/nearest-name.ts";
import { registrationOf, registrationsOf } from "../vmi.ts";

/** The image of a binding that this release ships. */
export interface FallbackImage {
  readonly image: string;
  readonly digest?: string;
}

/** The policy for a binding that is not registered. */
export interface ImageFallback {
  /** `SlirpOnly` is what KubeVirt 1.1 and 1.2 did. */
  readonly policy: "Always" | "SlirpOnly" | "Never";
  /** This release's images by binding name: data of the chart and the command, not of the engine. */
  readonly table: Readonly<Record<string, FallbackImage>>;
}

/** Where a binding's sidecar comes from. */
export interface ResolvedBinding {
  readonly name: string;
  /** Absent where the binding needs no sidecar. */
  readonly image?: string;
  readonly from: "registered" | "domainAttachmentType" | "fallback";
  readonly domainAttachmentType?: string;
}

/** True for a binding that is registered as data alone: KubeVirt attaches its NICs by itself. */
export const isDataOnly = (binding: ResolvedBinding | undefined): boolean => binding?.from === "domainAttachmentType";

/** True where KubeVirt writes the NIC itself, on a tap, by the binding's registration. */
export const isWrittenOnTap = (domainAttachmentType: string | undefined): boolean =>
  domainAttachmentType === "tap" || domainAttachmentType === "managedTap";

const REGISTRY = "spec.configuration.network.binding";

/** True for a name that was made of a known one with more than a letter: "l2bridge" is not a slip of "bridge". */
const isMadeOf = (name: string, known: string): boolean => name.length > known.length + 1 && name.includes(known);

/** The most edits that a slip in a binding's name takes: such names are short, and others' resemble them. */
const MOST_EDITS = 2;

/** A fix for a name that nothing is known of: the known one that it may be a slip of, before anything is changed for it. */
export function fixOfName(name: string, known: readonly string[], fix: string): string {
  const candidates = known.filter((one) => one !== name && !isMadeOf(name, one));
  const near = nearestName(name, candidates, MOST_EDITS);
  return withMeant(near, fix);
}

/** What is said of a binding of which no CR could tell whether it is registered. */
export const unknownRegistration = (
  name: string,
  served: readonly string[],
  sources: Sources = "the input",
): Omit<Violation, "field"> => ({
  problem: `no KubeVirt CR found in ${sources}: not known whether ${JSON.stringify(name)} is registered`,
  fix: fixOfName(
    name,
    served,
    `add the cluster's KubeVirt CR, which registers it under ${REGISTRY}, or its HyperConverged CR to the input`,
  ),
});

/**
 * Finds a binding by its name: the KubeVirt CR's registration first, then this release's image of that name.
 *
 * @param known  undefined where no CR says what the cluster registers
 * @returns the binding, or a violation (with an empty field) that lists what is registered and says the field to set
 */
export function resolveBinding(
  name: string,
  known: KubevirtConfiguration | undefined,
  fallback: ImageFallback,
): ResolvedBinding | Violation {
  const configuration = known ?? {};
  const registration = registrationOf(configuration, name);
  const attachment = registration?.domainAttachmentType;
  if (registration?.sidecarImage) {
    return {
      name,
      image: registration.sidecarImage,
      from: "registered",
      ...defined({ domainAttachmentType: attachment || undefined }),
    };
  }
  if (attachment !== undefined && isWrittenOnTap(attachment))
    return { name, from: "domainAttachmentType", domainAttachmentType: attachment };
  const own = Object.hasOwn(fallback.table, name) ? fallback.table[name] : undefined;
  const allowed = fallback.policy === "Always" || (fallback.policy === "SlirpOnly" && name === "slirp");
  if (own !== undefined && allowed)
    return { name, image: own.digest === undefined ? own.image : `${own.image}@${own.digest}`, from: "fallback" };
  if (registration !== undefined) {
    return violation(
      "",
      `the binding "${name}" is registered with neither sidecarImage nor domainAttachmentType, so the guest would get no NIC`,
      `register one of them under ${REGISTRY} in the KubeVirt CR`,
    );
  }
  const unpermitted = own === undefined ? "" : ", and the image fallback policy does not permit this release's own";
  const ofRelease = `of this release: ${Object.keys(fallback.table).sort().join(", ") || "none"}`;
  if (known === undefined) {
    const { problem, fix } = unknownRegistration(name, Object.keys(fallback.table));
    return violation("", `${problem}${unpermitted}`, `${fix} (${ofRelease})`);
  }
  const names = Object.keys(registrationsOf(configuration)).sort();
  const fix = `register it under ${REGISTRY} in the KubeVirt CR (registered: ${names.join(", ") || "none"}; ${ofRelease})`;
  return violation(
    "",
    `no binding named "${name}" is registered${unpermitted}`,
    fixOfName(name, [...names, ...Object.keys(fallback.table)], fix),
  );
}
