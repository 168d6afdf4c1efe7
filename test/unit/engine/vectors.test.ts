/** KubeVirt's own answers, where NETBIND_VECTORS names a folder with them: JSON objects {id, kind, input, result}, one a line. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { admitVmi, checkVmiSpec, defaultVmi, type KubevirtConfiguration, nicNames, type Vmi } from "@netbind/engine";
import { expect, test } from "vitest";

const folder = process.env["NETBIND_VECTORS"];
const absent = folder === undefined || !existsSync(folder);
if (absent) console.log("skipped: NETBIND_VECTORS names no folder with KubeVirt's answers");

interface Vector<R> {
  readonly id: string;
  readonly input: { readonly vmi: Vmi; readonly kubevirtConfig?: KubevirtConfiguration };
  readonly result: R;
}

const read = <R>(kind: string): readonly Vector<R>[] =>
  readFileSync(join(folder ?? "", `${kind}.jsonl`), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Vector<R>);

const complete = ({ metadata, spec, ...vmi }: Vmi): Vmi => ({
  ...vmi,
  metadata: { ...metadata, labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} },
  spec: { ...spec, domain: { ...spec.domain, devices: spec.domain.devices ?? {} } },
});

test.skipIf(absent)("nothing is accepted that KubeVirt rejects", () => {
  const vectors = read<{ readonly causes: readonly object[] | null }>("admission");
  expect(vectors.length).toBeGreaterThan(100);
  const accepted = vectors.filter(({ input, result }) => {
    if ((result.causes ?? []).length === 0 || checkVmiSpec(input.vmi.spec).length > 0) return false;
    return admitVmi(complete(input.vmi), input.kubevirtConfig ?? {}).length === 0;
  });
  expect(accepted.map(({ id }) => id)).toEqual([]);
});

test.skipIf(absent)("a VM without networks gets what KubeVirt gives it", () => {
  interface Result {
    readonly error: string | null;
    readonly interfaces?: unknown;
    readonly networks?: unknown;
  }
  for (const { id, input, result } of read<Result>("defaulting")) {
    const { vmi, violations } = defaultVmi(complete(input.vmi), input.kubevirtConfig ?? {});
    expect(violations.length > 0, id).toBe(result.error !== null);
    if (result.error !== null) continue;
    const plain = (value: unknown): unknown => withoutEmpty(JSON.parse(JSON.stringify(value ?? [])));
    expect(plain(vmi.spec.domain.devices.interfaces), id).toEqual(plain(result.interfaces));
    expect(plain(vmi.spec.networks), id).toEqual(plain(result.networks));
  }
});

/** A text that is empty is a text that is not there: KubeVirt's printer leaves it out. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(
    ([, inner]) => inner !== "" && inner !== 0 && inner !== false && !(Array.isArray(inner) && inner.length === 0),
  );
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutEmpty(inner)]));
}

test.skipIf(absent)("names of links are KubeVirt's", () => {
  interface Names {
    readonly names: Readonly<Record<string, { readonly pod: string; readonly tap: string; readonly bridge: string }>>;
  }
  const [vector] = read<Names>("names");
  const theirs = Object.entries(vector?.result.names ?? {});
  expect(theirs.length).toBeGreaterThan(5);
  for (const [name, { pod, tap, bridge }] of theirs)
    expect(nicNames({ name, multus: { networkName: "x" } }), name).toEqual({ pod, tap, bridge });
});
