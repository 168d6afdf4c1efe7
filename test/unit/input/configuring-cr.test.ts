/** Which CR a cluster is configured in: what is registered there, and that fixes name the CR that an administrator edits. */
import { expect, test } from "vitest";
import { inWordsOf } from "../../../core/input/src/configuring-cr.ts";
import { parseText } from "../../../core/input/src/documents.ts";
import { type Input, inputOf } from "../../../core/input/src/input.ts";
import { ALL_RULES } from "../../../core/kubevirt/src/admission/explain.ts";

const read = (...objects: readonly object[]): Input =>
  inputOf(parseText("a.yaml", objects.map((one) => JSON.stringify(one)).join("\n---\n")), "a.yaml", "nothing");
const operator = (spec: object, version = "v1beta1"): object => ({
  apiVersion: `hco.kubevirt.io/${version}`,
  kind: "HyperConverged",
  metadata: { name: "kubevirt-hyperconverged" },
  spec,
});
const kubevirt = (name: string, network: object): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "KubeVirt",
  metadata: { name },
  spec: { configuration: { network } },
});
const MINE = { networkBinding: { mine: { sidecarImage: "r/mine:1" } } };

test("what a HyperConverged CR registers is registered, at the older place and at the newer one", () => {
  const older = read(operator(MINE));
  const newer = read(operator({ networking: MINE }));
  for (const { violations, configuration } of [older, newer]) {
    expect(violations).toEqual([]);
    expect(Object.keys(configuration.network?.binding ?? {})).toEqual(["mine", "l2bridge"]);
    expect(configuration.network?.defaultNetworkInterface).toBe("masquerade");
  }
  expect(older.configuredBy?.registry).toBe("spec.networkBinding");
  expect(newer.configuredBy?.registry).toBe("spec.networking.networkBinding");
  expect(read(operator({}, "v1")).configuredBy?.registry).toBe("spec.networking.networkBinding");
});

test("in an export with both CRs, KubeVirt's own says what the cluster does, and the operator's is the one to edit", () => {
  const network = { binding: { other: { sidecarImage: "r/other:1" } } };
  const both = read(kubevirt("kubevirt-kubevirt-hyperconverged", network), operator(MINE));
  expect(both.configuration.network).toEqual(network);
  expect(both.configuredBy?.kind).toBe("HyperConverged");
  expect(read(kubevirt("kubevirt-kubevirt-hyperconverged", network)).configuredBy?.kind).toBe("HyperConverged");
  expect(read(kubevirt("kubevirt", network)).configuredBy?.kind).toBe("KubeVirt");
  expect(read().configuredBy).toBeUndefined();
});

test("a HyperConverged CR of a wrong shape is refused where it is wrong, and a second one is", () => {
  const found = read(operator({ networkBinding: { mine: { image: 5 } } }), operator({})).violations;
  expect(found.map(({ field }) => field)).toEqual(["spec.networkBinding.mine.image", "kind"]);
  for (const spec of [5, [], { networkBinding: 5 }, { networking: "x" }, { networkBinding: { mine: 5 } }])
    expect(read(operator(spec as object)).violations).toHaveLength(1);
  expect(read({ apiVersion: "hco.kubevirt.io/v1", kind: "Hyperconverged" }).violations[0]?.fix).toBe(
    "did you mean HyperConverged?",
  );
});

test("no rule's fix sends an administrator to the KubeVirt CR of a cluster whose operator would write it again", () => {
  const { configuredBy } = read(operator(MINE));
  const fixes = ALL_RULES.map(({ fix }) => inWordsOf(configuredBy, { field: "", problem: "", fix }).fix);
  expect(fixes.filter((fix) => fix.includes("HyperConverged CR")).length).toBeGreaterThan(5);
  expect(fixes.filter((fix) => /KubeVirt CR|spec\.configuration/.test(fix))).toEqual([]);
});

const annotated = (patch: string, spec: object = {}): object => ({
  ...operator(spec),
  metadata: { name: "kubevirt-hyperconverged", annotations: { "kubevirt.kubevirt.io/jsonpatch": patch } },
});
const patching = (...operations: readonly object[]): string => JSON.stringify(operations);
const BINDING = "/spec/configuration/network/binding";

test("the annotation of a HyperConverged CR patches what its operator writes: adds, replaces, removes", () => {
  const { configuration, violations } = read(
    annotated(
      patching(
        { op: "add", path: `${BINDING}/theirs`, value: { domainAttachmentType: "tap" } },
        { op: "remove", path: `${BINDING}/mine` },
        { op: "replace", path: `${BINDING}/l2bridge/domainAttachmentType`, value: "tap" },
        { op: "add", path: "/spec/configuration/developerConfiguration/featureGates/-", value: "A" },
        { op: "add", path: "/spec/configuration/developerConfiguration/featureGates/0", value: "B" },
        { op: "add", path: "/spec/configuration/elsewhere/deep", value: 1 },
        { op: "move", from: "/a", path: "/b" },
      ),
      MINE,
    ),
  );
  expect(violations).toEqual([]);
  expect(configuration.network?.binding).toEqual({
    l2bridge: { domainAttachmentType: "tap", migration: {} },
    theirs: { domainAttachmentType: "tap" },
  });
  expect(configuration.developerConfiguration?.featureGates).toEqual(["B", "A"]);
});

test("an annotation that is not a patch, or patches in what KubeVirt refuses, is said where it stands", () => {
  const said = (patch: string): readonly string[] =>
    read(annotated(patch, MINE)).violations.map(({ field, problem }) => `${field}: ${problem}`);
  const wrong = "metadata.annotations: kubevirt.kubevirt.io/jsonpatch: ";
  for (const patch of ["{", "{}", "5", "[5]", "[{}]", '[{"op":"put","path":"/a"}]', '[{"op":"add","path":"a"}]'])
    expect(said(patch).map((text) => text.startsWith(`${wrong}it is not a JSON patch`))).toEqual([true]);
  expect(said(patching({ op: "add", path: `${BINDING}/x`, value: { sidecarImage: 5 } }))).toEqual([
    `${wrong}spec.configuration.network.binding.x.sidecarImage: 5 is not a string`,
  ]);
});

test("an annotation of any operations makes no object of another class, and ends", () => {
  const paths = ["/__proto__/polluted", "/constructor/prototype/polluted", `${BINDING}/__proto__`, "/".repeat(5000)];
  for (const path of paths) {
    const patch = patching({ op: "add", path, value: { polluted: true } }, { op: "remove", path });
    expect(() => read(annotated(patch, MINE))).not.toThrow();
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(({} as { sidecarImage?: unknown }).sidecarImage).toBeUndefined();
});
