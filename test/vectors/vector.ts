import type { KubevirtConfiguration, Vmi, VmiSpec } from "@netbind/kubevirt";
import { sanitizeSpec } from "@netbind/kubevirt/admission";

/** One question and KubeVirt's answer to it: a line of a file of vectors. */
export interface Vector<Input = unknown, Result = unknown> {
  readonly id: string;
  readonly kind: string;
  readonly input: Input;
  readonly result: Result;
}

/** How ours compares with KubeVirt's answer. */
export type Outcome =
  | { readonly verdict: "agreed"; readonly normalized?: string }
  /** It differs for reasons that are listed: their ids. */
  | { readonly verdict: "deviating"; readonly deviations: readonly string[] }
  | { readonly verdict: "failed"; readonly why: string };

/** Asks the engine what a vector asks, and compares. */
export type Comparison = (vector: Vector<never, never>) => Outcome;

export const AGREED: Outcome = { verdict: "agreed" };
export const failed = (why: string): Outcome => ({ verdict: "failed", why });

/** A value without what is null: no value, as for the API server; in a list, an empty one. */
export function withoutNulls<T>(value: T): T {
  const plain = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map((one: unknown) => plain(one ?? {}));
    if (inner === null || typeof inner !== "object") return inner;
    const kept = Object.entries(inner).filter(([, one]) => one !== null);
    return Object.fromEntries(kept.map(([key, one]) => [key, plain(one)]));
  };
  return plain(value) as T;
}

/** A name that is not written is an empty one. */
const named = <T extends { readonly name: string }>(list: readonly T[]): readonly T[] =>
  list.map((one) => ({ ...one, name: one.name ?? "" }));

/** A spec as the API server decodes it: what must be there is, and addresses have their canonical text. */
export function completeSpec(given: VmiSpec): VmiSpec {
  const spec = withoutNulls(given);
  const { devices = {} } = spec.domain ?? {};
  const interfaces = named(devices.interfaces ?? []).map((nic) =>
    nic.binding === undefined ? nic : { ...nic, binding: { ...nic.binding, name: nic.binding.name ?? "" } },
  );
  const domain = {
    ...spec.domain,
    devices: { ...devices, ...(devices.interfaces === undefined ? {} : { interfaces }) },
  };
  return sanitizeSpec({ ...spec, domain, ...(spec.networks === undefined ? {} : { networks: named(spec.networks) }) });
}

/** A VMI as vectors have it, with what the API server would have filled in. */
export function completeVmi(given: Vmi): Vmi {
  const { metadata, spec, ...rest } = withoutNulls(given);
  return {
    ...rest,
    metadata: { ...metadata, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} },
    spec: completeSpec(spec),
  };
}

/** The input that most kinds have. */
export interface VmiInput {
  readonly vmi: Vmi;
  readonly kubevirtConfig?: KubevirtConfiguration;
}

/** A value as text in which order of keys does not count, and what is empty counts as not there. */
export const canonical = (value: unknown): string => JSON.stringify(normalize(value)) ?? "null";

function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (value === null || typeof value !== "object") return value ?? undefined;
  const kept = Object.entries(value)
    .map(([key, inner]) => [key, normalize(inner)] as const)
    .filter(([, inner]) => !isEmpty(inner))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(kept);
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (Array.isArray(value) && value.length === 0);

/** Compares two values; a difference that is `deviations` long is one that is listed. */
export function compare(ours: unknown, theirs: unknown, deviations: readonly string[] = []): Outcome {
  const [left, right] = [canonical(ours), canonical(theirs)];
  if (left !== right) return failed(`ours   ${left}\n    theirs ${right}`);
  return deviations.length === 0 ? AGREED : { verdict: "deviating", deviations };
}
