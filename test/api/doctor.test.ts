/** `kubectl netbind doctor` on a real API server: a cluster that is whole, and ten that are broken in one way each. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, upOwnCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory } from "../support/cluster/cluster-directory.ts";
import { BROKEN_CLUSTERS } from "../support/cluster/doctored/broken-clusters.ts";
import { DoctoredCluster, webhooksOf } from "../support/cluster/doctored/doctored-cluster.ts";
import { lease } from "../support/cluster/doctored/healthy-objects.ts";
import { STUCK_VMS } from "../support/cluster/doctored/stuck-vms.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { rightsInForce, userOf } from "../support/cluster/rights-in-force.ts";
import { KUBECTL } from "../support/guest/netbind.ts";
import { useNetbind } from "../support/guest/use-netbind.ts";
import { callOnTerminal } from "../support/guest/terminal.ts";
import { tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { Registry } from "../support/images/registry.ts";

const WITHIN = { timeout: 20_000, interval: 200 };
const SCREENS = fileURLToPath(new URL("../screens/doctor/", import.meta.url));

/** In one process: only what a terminal shows takes one of its own. */
const netbind = useNetbind();

let directory: ClusterDirectory;
let registry: Registry;
let images: string;
let cluster: DoctoredCluster;
const image = (name: string): string => `${registry.host}/netbind/${name}:1`;

beforeAll(async () => {
  directory = new ClusterDirectory(`doctor-${process.pid}`);
  await upOwnCluster(directory, { release: defaultRelease(), nodes: 0 });
  registry = await Registry.start();
  images = mkdtempSync(join(tmpdir(), "netbind-doctor-"));
  writeLayout(images, { layers: [await tarOf([{ name: "sidecar", content: "a program" }])] });
  for (const name of ["masquerade", "passt"]) await registry.push(images, "image", `netbind/${name}:1`);
  cluster = await DoctoredCluster.make(new ApiServer(directory), image);
}, 120_000);
afterAll(async () => {
  await downCluster(directory);
  await registry[Symbol.asyncDispose]();
  rmSync(images, { recursive: true });
});

beforeEach(() => cluster.renewLease());

const environment = (): NodeJS.ProcessEnv => ({
  ...{ KUBECONFIG: directory.kubeconfig, SSL_CERT_FILE: registry.certificate, NO_COLOR: "1" },
});

/** What a person sees on a terminal of 100 columns, and the exit code; the registry has another port each time. */
async function screenOf(args: readonly string[]): Promise<{ readonly screen: string; readonly code: number | null }> {
  const call = { cwd: images, columns: 100, env: environment(), program: KUBECTL };
  const { screen, code } = await callOnTerminal(args, call);
  return { screen: screen.replaceAll(registry.host, "127.0.0.1:50000"), code };
}

/** The codes of findings on a screen, in their order. */
const codesOn = (screen: string): readonly string[] =>
  Array.from(screen.matchAll(/^(?:error|warning): \[([A-Z0-9_-]+)\]/gm), ([, code = ""]) => code);

/** The words of a screen, on one line. */
const wordsOf = (screen: string): string => screen.replaceAll(/\s+/g, " ");

/** What `netbind validate -o json` prints. */
interface Validated {
  readonly code: number | null;
  readonly passed: boolean;
  readonly kubevirt: object;
  readonly warnings: readonly {
    readonly rule: string;
    readonly problem: string;
    readonly object?: { readonly namespace: string; readonly name: string };
  }[];
  readonly notChecked: readonly string[];
}

interface Answer {
  readonly passed: boolean;
  readonly findings: readonly { readonly code: string; readonly fix: string; readonly problem: string }[];
  readonly notChecked: readonly string[];
}

async function answerOf(args: readonly string[]): Promise<{ readonly code: number | null; readonly answer: Answer }> {
  const { code, stdout } = await netbind([...args, "-o", "json"], { env: environment() });
  return { code, answer: JSON.parse(stdout) as Answer };
}

test("in a cluster that is whole nothing is found, and everything was looked at", async () => {
  const { code, answer } = await answerOf(["doctor"]);
  expect([code, answer]).toMatchObject([0, { passed: true, findings: [], notChecked: [] }]);
  const { screen } = await screenOf(["doctor"]);
  await expect(screen).toMatchFileSnapshot(`${SCREENS}healthy.txt`);
});

test("there are ten broken ones", () => {
  expect(BROKEN_CLUSTERS).toHaveLength(10);
});

test.each(BROKEN_CLUSTERS.map((one) => [one.name, one] as const))("%s", async (name, broken) => {
  const repair = await broken.break(cluster, image);
  try {
    const { code, screen } = await screenOf(["doctor"]);
    expect(codesOn(screen)).toEqual(broken.finds);
    expect(wordsOf(screen)).toContain(broken.fix);
    expect(screen).not.toContain("not checked");
    expect(code).toBe(1);
    await expect(screen).toMatchFileSnapshot(`${SCREENS}${name}.txt`);
  } finally {
    await repair();
  }
});

test("a controller of which no replica leads is said so", async () => {
  await cluster.write(lease(new Date("2026-11-29T21:40:00Z")));
  const { answer } = await answerOf(["doctor"]);
  expect(answer.findings).toMatchObject([
    { code: "CONTROLLER_NOT_LEADING", severity: "error", object: { kind: "Lease" } },
  ]);
});

test("once all of them are repaired, nothing is found again", async () => {
  expect((await answerOf(["doctor"])).answer).toMatchObject({ passed: true, findings: [] });
});

test("for an account with few rights, what was not checked is listed, and nothing is found for that reason", async () => {
  const account = await cluster.api.asServiceAccount("web", "reader");
  const file = join(images, "reader");
  writeKubeconfig(file, account);
  const { code, answer } = await answerOf(["doctor", "--kubeconfig", file]);
  expect([code, answer]).toMatchObject([0, { passed: true, findings: [] }]);
  expect(answer.notChecked.length).toBeGreaterThan(8);
  for (const text of answer.notChecked) expect(text).toMatch(/add the rule \{apiGroups: \[.*\], verbs: \[.*\]\}/);
});

describe("kubectl netbind validate -f -, by the cluster", () => {
  const vmOf = (name: string, nic: object, network: object): object => ({
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name, namespace: "web" } },
    spec: { domain: { devices: { interfaces: [{ name: "red", ...nic }] } }, networks: [{ name: "red", ...network }] },
  });
  const multus = (networkName: string): object => ({ multus: { networkName } });
  const list = (...items: readonly object[]): string => JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const validate = async (stdin: string, ...more: readonly string[]): Promise<Validated> => {
    const call = { env: environment(), stdin };
    const { code, stdout } = await netbind(["validate", "--cluster", "-f", "-", "-o", "json", ...more], call);
    return { code, ...(JSON.parse(stdout) as Omit<Validated, "code">) };
  };

  test("its CR, version and definitions count, and what is nowhere is said", async () => {
    const passt = { binding: { name: "passt" } };
    const right = [vmOf("a", passt, { pod: {} }), vmOf("b", { bridge: {} }, multus("lan"))];
    const wrong = [vmOf("c", { binding: { name: "routed" } }, { pod: {} }), vmOf("d", { bridge: {} }, multus("dmz"))];
    const { warnings, ...answer } = await validate(list(...right, ...wrong));
    expect(answer).toMatchObject({
      ...{ code: 0, passed: true, notChecked: [] },
      kubevirt: { version: "1.9", from: "status", observed: { file: "cluster:KubeVirt/kubevirt/kubevirt" } },
    });
    const said = warnings.map(({ rule, object, problem }) => `${rule} ${object?.name}: ${problem}`);
    expect(said.filter((one) => one.startsWith("REG-1") || one.startsWith("NAD-1"))).toEqual([
      'REG-1 c: no binding plugin "routed" is registered (registered: macvtap, masquerade, passt)',
      "NAD-1 d: no NetworkAttachmentDefinition web/dmz is in the input or the cluster",
    ]);
  });

  test("a CR among the files counts in its place", async () => {
    const type = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: { name: "kubevirt" } };
    const cr = {
      ...type,
      spec: { configuration: { network: { binding: { routed: { domainAttachmentType: "tap" } } } } },
    };
    const { warnings, kubevirt } = await validate(list(vmOf("c", { binding: { name: "routed" } }, { pod: {} }), cr));
    expect(warnings.map(({ rule }) => rule)).not.toContain("REG-1");
    expect(kubevirt).toMatchObject({ from: "newest" });
  });

  test("an object that names no namespace is in the context's, or in that of -n", async () => {
    const homeless = (one: object): object => ({ ...one, metadata: { name: "f" } });
    const vms = [vmOf("f", { bridge: {} }, multus("lan")), vmOf("f", { bridge: {} }, multus("dmz"))].map(homeless);
    const said = async (vm: object | undefined, ...more: readonly string[]): Promise<readonly string[]> =>
      (await validate(list(...(vm === undefined ? [] : [vm])), ...more)).warnings
        .filter(({ rule }) => rule === "NAD-1")
        .map(({ problem }) => problem);
    expect(await said(vms[0], "-n", "web")).toEqual([]);
    for (const [more, name] of [
      [["-n", "web"], "web/dmz"],
      [[], "default/dmz"],
    ] as const)
      expect(await said(vms[1], ...more)).toEqual([
        `no NetworkAttachmentDefinition ${name} is in the input or the cluster`,
      ]);
    const file = join(images, "homeless");
    writeKubeconfig(file, await cluster.api.asServiceAccount("web", "nobody"), "web");
    const macvtap = homeless(vmOf("f", { binding: { name: "macvtap" } }, multus("lan")));
    const { warnings } = await validate(list(macvtap), "--kubeconfig", file);
    expect(new Set(warnings.map(({ object }) => object?.namespace))).toEqual(new Set(["web"]));
  });

  test("what may not be looked at is not checked, and a cluster that does not answer is an error", async () => {
    const account = await cluster.api.asServiceAccount("web", "nobody");
    const file = join(images, "nobody");
    writeKubeconfig(file, account);
    const vm = list(vmOf("d", { bridge: {} }, multus("dmz")));
    const { code, warnings, notChecked } = await validate(vm, "--kubeconfig", file);
    expect([code, warnings.map(({ rule }) => rule)]).toEqual([0, expect.not.arrayContaining(["NAD-1"])]);
    expect(notChecked.join()).toMatch(/list kubevirts.*get network-attachment-definitions/);
    writeKubeconfig(file, { ...account, server: "https://127.0.0.1:1" });
    const away = await validate(vm, "--kubeconfig", file);
    expect(away).toMatchObject({
      code: 1,
      error: { code: "API_FAILED", message: expect.stringContaining("nothing listens") },
    });
  });
});

describe("a VM", () => {
  beforeAll(async () => {
    // Nothing serves them, and they would keep VMs from being made.
    await cluster.remove(...(await webhooksOf(new Date())));
    const first = STUCK_VMS["unregistered"]?.vm;
    if (first !== undefined) await vi.waitFor(() => cluster.write(first), WITHIN);
    for (const { vm, beside } of Object.values(STUCK_VMS)) {
      await cluster.write(vm);
      const uid = String((await cluster.read(vm)).metadata["uid"]);
      await cluster.write(...(beside?.(uid) ?? []));
    }
  }, 60_000);

  test.each(Object.entries(STUCK_VMS))("that is %s", async (name, { finds, fix = "" }) => {
    const { code, stdout } = await netbind(["doctor", name, "-n", "web"], { env: environment() });
    expect(codesOn(stdout)).toEqual(finds);
    expect(stdout).toContain(fix);
    expect(stdout).not.toContain("\u001b");
    const isFailed = finds.some((one) => one !== "ATTACH_WAITING");
    expect(code).toBe(isFailed ? 1 : 0);
    await expect(stdout).toMatchFileSnapshot(`${SCREENS}vm-${name}.txt`);
  });

  test("whose pods and events may not be looked at", async () => {
    const account = await cluster.api.asServiceAccount("web", "watcher");
    const metadata = { name: "watcher", namespace: "web" };
    const rules = [{ apiGroups: ["kubevirt.io"], resources: ["virtualmachineinstances"], verbs: ["get"] }];
    const type = { apiVersion: "rbac.authorization.k8s.io/v1" };
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "watcher" };
    const subjects = [{ kind: "ServiceAccount", ...metadata }];
    const role = { ...type, kind: "Role", metadata, rules };
    await cluster.api.apply(role, { ...type, kind: "RoleBinding", metadata, roleRef, subjects });
    await rightsInForce(cluster.api, { user: userOf("web", "watcher"), namespace: "web" }, rules);
    const file = join(images, "watcher");
    writeKubeconfig(file, account, "web");
    const { answer } = await answerOf(["doctor", "waiting", "--kubeconfig", file]);
    const states = ["unknown", "ok", "unknown", "unknown", "unknown", "unknown", "waits"];
    expect(answer).toMatchObject({ findings: [], vm: { steps: states.map((state) => ({ state })) } });
    expect(answer.notChecked.join()).toMatch(/list pods.*list events/);
  });

  test("kubectl netbind doctor web/shop names one with its namespace; one that nobody has is said so", async () => {
    expect(await answerOf(["doctor", "web/shop"])).toMatchObject({ code: 0, answer: { passed: true, findings: [] } });
    const { code, stderr } = await netbind(["doctor", "web/nobody"], { env: environment() });
    expect([code, stderr]).toEqual([4, expect.stringContaining("no VM web/nobody in the cluster")]);
  });
});
