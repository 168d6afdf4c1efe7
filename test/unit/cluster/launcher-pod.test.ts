import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "@netbind/kubevirt";
import { describe, expect, test } from "vitest";
import { launcherPodOf } from "../../support/cluster/launcher-pod.ts";

type Json = Readonly<Record<string, unknown>>;
interface Line {
  readonly id: string;
  readonly input: {
    readonly vmi: Vmi;
    readonly kubevirtConfig: KubevirtConfiguration;
    readonly nads: readonly NetworkAttachmentDefinition[];
  };
  readonly result: { readonly pod: { readonly metadata: Json; readonly spec: Json } };
}

/** What the API server or the scheduler fills in, and what a release of KubeVirt alone says: by path, with the reason. */
const FILLED: Readonly<Record<string, string>> = {
  "metadata.generation": "the API server counts",
  "metadata.name": "the API server makes it of generateName",
  "metadata.uid": "the API server",
  "metadata.annotations.istio.io/reroute-virtual-interfaces": "a need of KubeVirt's own masquerade, which is not asked",
  "metadata.annotations.traffic.sidecar.istio.io/kubevirtInterfaces": "likewise",
  "spec.dnsPolicy": "a default of the API server",
  "spec.preemptionPolicy": "a default of the API server",
  "spec.priority": "a default of the API server",
  "spec.schedulerName": "a default of the API server",
  "spec.serviceAccount": "a default of the API server",
  "spec.serviceAccountName": "a default of the API server",
  "spec.tolerations": "a default of the API server",
};
const DEFAULTS: Readonly<Record<string, unknown>> = {
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  resources: {},
};

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const keyOf = (value: unknown): string => (isObject(value) ? String(value["name"] ?? value["key"] ?? "") : "");

/** Lists are compared by their entries' names; two sidecars' order is not one that KubeVirt keeps. */
const sorted = (list: readonly unknown[]): readonly unknown[] =>
  list.every((entry) => keyOf(entry) !== "") ? list.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) : list;

/** Without what is filled in, and what says nothing. */
function plain(value: unknown, path = ""): unknown {
  if (Array.isArray(value)) return sorted(value).map((entry) => plain(entry, `${path}[]`));
  // The time that QEMU has to start is drawn at random, from 240 to 359 seconds.
  if (typeof value === "string" && path === ".spec.containers[].args[]") return value.replace(/^[23]\d\ds$/, "300s");
  if (!isObject(value)) return value;
  const limits = path.endsWith(".resources") && isObject(value["limits"]) ? value["limits"] : {};
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !(`${path}.${key}`.slice(1) in FILLED))
      .filter(([key, entry]) => JSON.stringify(entry) !== JSON.stringify(DEFAULTS[key]))
      .filter(([key]) => !(key === "apiVersion" && path.endsWith(".fieldRef")))
      .map(([key, entry]) => [
        key,
        // The API server takes a limit for a request where there is none.
        key === "requests" && isObject(entry)
          ? plain({ ...limits, ...entry }, `${path}.${key}`)
          : plain(entry, `${path}.${key}`),
      ]),
  );
}

const folder = process.env["NETBIND_LAUNCHER_PODS"];

const absent = folder === undefined || folder === "";
if (absent) console.log("skipped: NETBIND_LAUNCHER_PODS names no folder with pods of KubeVirt's own");

describe.skipIf(absent)("launcher pods are those that virt-controller made", () => {
  const lines = (folder ? readFileSync(join(folder, "pods.jsonl"), "utf8") : "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  test.each(lines.map((line) => [line.id, line] as const))("%s", (_, { input, result: { pod } }) => {
    const [owner] = pod.metadata["ownerReferences"] as readonly { readonly uid: string }[];
    const compute = (pod.spec["containers"] as readonly Json[]).find(({ name }) => name === "compute");
    const vmi = { ...input.vmi, metadata: { ...input.vmi.metadata, uid: owner?.uid ?? "" } };
    const image = String(compute?.["image"]);
    const make = (): object => launcherPodOf({ vmi, nads: input.nads, configuration: input.kubevirtConfig, image });
    if ("hugepages" in (vmi.spec.domain.memory ?? {})) return expect(make).toThrow(/huge pages/);
    expect(plain(make())).toEqual(plain(pod));
  });
});
