/** render, plan and explain, and what they have in common with validate, as people call them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useNetbind } from "../../support/guest/use-netbind.ts";
import { parse } from "yaml";
import { KUBEVIRT, vmText as vm } from "../../support/cases/vm-text.ts";

const netbind = useNetbind();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-render-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
describe("render", () => {
  interface Shown {
    readonly metadata: { readonly annotations: Record<string, string> };
    readonly spec: {
      readonly containers: readonly {
        readonly name: string;
        readonly image?: string;
        readonly volumeMounts?: readonly { readonly name: string }[];
      }[];
      readonly volumes: readonly { readonly name: string }[];
    };
  }

  test("the pod as the cluster would create it: sidecars of plugins by name, none of KubeVirt's own bindings", async () => {
    const path = file(
      "render.yaml",
      vm(
        "[{name: default, binding: {name: passt}}, {name: blue, bridge: {}}, {name: red, binding: {name: info}}]",
        "[{name: default, pod: {}}, {name: blue, multus: {networkName: net}}, {name: red, multus: {networkName: o/net}}]",
        "{a: b}",
      ),
    );
    const { stdout, code } = await netbind(["render", "-f", path, "-f", file("cr2.yaml", KUBEVIRT)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# networking adds 262144000 bytes/);
    const pod = parse(stdout) as Shown;
    expect(pod.spec.containers.map(({ name, image }) => [name, image])).toEqual([
      ["compute", undefined],
      ["hook-sidecar-0", "r/info:1"],
      ["hook-sidecar-1", "r/passt:1"],
    ]);
    expect(pod.spec.containers[1]?.volumeMounts?.map(({ name }) => name)).toEqual([
      "hook-sidecar-sockets",
      "network-info-annotation",
    ]);
    expect(pod.spec.volumes.map(({ name }) => name)).toEqual(["hook-sidecar-sockets", "network-info-annotation"]);
    expect(JSON.parse(pod.metadata.annotations["k8s.v1.cni.cncf.io/networks"] ?? "")).toEqual([
      { name: "net", namespace: "default", interface: "pod16477688c0e" },
      { name: "net", namespace: "o", interface: "podb1f51a511f1" },
    ]);
    expect(pod.metadata.annotations).toMatchObject({ a: "b" });
  });

  test("what could not start is refused, of all VMs at once; what is not registered only without fallback", async () => {
    const bad = vm("[{name: default, slirp: {}}]");
    const refused = await netbind([
      "render",
      "-f",
      file("a.yaml", bad),
      "-f",
      file("b.yaml", bad.replace("name: vm}", "name: b}")),
    ]);
    expect(refused.code).toBe(3);
    expect(refused.stderr.match(/removed the core binding slirp/g)).toHaveLength(2);
    const masquerade = file("m.yaml", vm("[{name: default, binding: {name: masquerade}}]"));
    expect((await netbind(["render", "--image-fallback", "Never", "-f", masquerade])).code).toBe(3);
    expect((await netbind(["render", "-f", masquerade])).stdout).toContain("hook-sidecar-0");
  });
});

test("each command asks the version that the KubeVirt CR's status names, unless the command line names another", async () => {
  const observed = file("observed.yaml", `${KUBEVIRT}status: {observedKubeVirtVersion: v1.4.1}\n`);
  // Until 1.4 a plugin takes a feature gate.
  const path = file("gated.yaml", vm("[{name: default, binding: {name: passt}}]"));
  const call = (command: string, ...more: readonly string[]) => netbind([command, "-f", path, "-f", observed, ...more]);
  for (const [command, code] of [
    ["validate", 1],
    ["render", 3],
    ["plan", 3],
    ["run", 3],
  ] as const) {
    const { stdout, stderr, code: ended } = await call(command);
    expect(`${stdout}${stderr}`).toContain("[OLD-8]");
    expect(stderr.replaceAll(/\n +/g, " ")).toContain("v1.4.1; the rules of 1.4 are asked");
    expect(ended).toBe(code);
  }
  const names = { text: "v1.4.1", file: observed, line: 11 };
  for (const command of ["validate", "render", "plan"]) {
    const { stdout, stderr, code } = await call(command, "--kubevirt-version", "1.9", "-o", "json");
    expect(stderr.replaceAll(/\n +/g, " ")).toContain("v1.4.1; the rules of 1.9 are asked, by --kubevirt-version");
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ kubevirt: { version: "1.9", from: "option", observed: names } });
  }
  const { stdout } = await call("validate", "-o", "yaml");
  expect(parse(stdout)).toMatchObject({ kubevirt: { version: "1.4", from: "status", observed: names } });
});

test("what older versions admit and nothing attaches is refused, and what today's make of an older VM is not asked old rules", async () => {
  const older = ["--kubevirt-version", "1.2", "-f"] as const;
  const unbound = await netbind(["plan", ...older, file("unbound.yaml", vm("[{name: default}]"))]);
  expect(unbound.stderr).toContain("[BIND-5]");
  expect(unbound.code).toBe(3);
  expect((await netbind(["plan", ...older, file("old.yaml", vm("[{name: default, slirp: {}}]"))])).code).toBe(0);
});

test("a VM whose preference is not in the input passes, and what starts it says which object is wanted", async () => {
  const path = file(
    "preferred.yaml",
    vm("[{name: default}]").replace("spec:\n", "spec:\n  preference: {name: fedora}\n"),
  );
  const { stdout: judged, code } = await netbind(["validate", "-o", "json", "-f", path]);
  const output = JSON.parse(judged) as { readonly notChecked: readonly string[] };
  expect({ code, ...output }).toMatchObject({ code: 0, passed: true, violations: [], warnings: [] });
  expect(output.notChecked).toEqual([
    expect.stringContaining("no VirtualMachineClusterPreference fedora in the input"),
  ]);
  const plan = await netbind(["plan", "-f", path]);
  expect(plan.code).toBe(3);
  expect(plan.stderr).toContain("fix: add the VirtualMachineClusterPreference fedora, which may give it one");
  const preference = file(
    "fedora.yaml",
    "apiVersion: instancetype.kubevirt.io/v1\nkind: VirtualMachineClusterPreference\nmetadata: {name: fedora}\nspec: {devices: {preferredInterfaceMasquerade: {}, preferredInterfaceModel: e1000e}}\n",
  );
  for (const command of ["plan", "render"]) {
    const { stdout, code: ended, stderr } = await netbind([command, "-f", path, "-f", preference]);
    expect(ended, stderr).toBe(0);
    if (command === "plan") expect(stdout).toContain("guest      e1000e, MAC ");
  }
});

test("every command that reads documents warns of a key that is written twice, with its line", async () => {
  const path = file(
    "twice.yaml",
    vm("[{name: default, masquerade: {}}]").replace("metadata: {name: vm}", "metadata: {name: no, name: vm}"),
  );
  for (const command of ["validate", "plan", "render", "convert"]) {
    const { stdout, stderr, code } = await netbind([command, "-f", path]);
    expect(code, command).toBe(0);
    expect(command === "validate" ? stdout : stderr).toContain(
      `${path}:3:22: warning: accepted, but one of the two values is lost: [DUPLICATE-KEY] `,
    );
  }
  const ignored = await netbind(["plan", "--ignore", "DUPLICATE-KEY", "-f", path]);
  expect(ignored.stderr).not.toContain("is lost");
  expect(ignored.stderr).toContain("1 ignored: DUPLICATE-KEY");
});

describe("plan", () => {
  test("a summary first, that says where the rest is; all of it with -v, and as data", async () => {
    const path = file("summary.yaml", vm("[{name: default, masquerade: {}, ports: [{port: 80}]}]"));
    const short = await netbind(["plan", "-f", path]);
    expect(short).toEqual({
      code: 0,
      stderr: "",
      stdout: `VM default/vm: 1 NIC, 2 links, 7 sysctls, 1 nftables table, 3 services; nothing is made
NIC default: masquerade on the pod network
  guest      virtio, MAC 02:2e:78:a6:8c:eb
  addresses  10.0.2.2, fd10:0:2::2 from Netbind
  ports      80/TCP
  device     tap tap0 on bridge k6t-eth0
  pod link   eth0, 02:00:00:00:aa:01, MTU 1500, 10.244.0.2/24, fd10:244::2/64 (assumed)
pod:
  sidecars      masquerade (netbind/masquerade:0.0.0)
  capabilities  NET_BIND_SERVICE
  resources     devices.kubevirt.io/tun: 1, devices.kubevirt.io/vhost-net: 1

For the pod, links, sysctls, nftables, services and the domain: netbind plan -v; as data: -o json.
`,
    });
    const [summary = ""] = short.stdout.split("\n\nFor the pod");
    for (const option of ["-v", "--verbose"]) {
      const { stdout } = await netbind(["plan", option, "-f", path]);
      expect(stdout.startsWith(`${summary}\n\npod: {\n`)).toBe(true);
      for (const part of ["  link: {", "  sysctl: ", "  nftables:\n", "  service: {", "domain:\n<domain "])
        expect(stdout).toContain(part);
    }
    const asData = (...more: readonly string[]) => netbind(["plan", "-f", path, "-o", "json", ...more]);
    const [data, verbose] = [await asData(), await asData("-v")];
    expect(data.stdout).toBe(verbose.stdout);
    expect(Object.keys(JSON.parse(data.stdout) as object)).toEqual(
      expect.arrayContaining(["pod", "networks", "nics", "domainXml"]),
    );
  });

  test("this release's own bindings serve what is not registered as far as --image-fallback says, as on a cluster", async () => {
    const plan = async (binding: string, policy: string, ...more: readonly string[]) =>
      netbind([
        "plan",
        "-f",
        file(`${binding}.yaml`, vm(`[{name: default, binding: {name: ${binding}}}]`)),
        "--image-fallback",
        policy,
        ...more,
      ]);
    for (const [binding, policy, code] of [
      ["masquerade", "Always", 0],
      ["masquerade", "SlirpOnly", 3],
      ["slirp", "SlirpOnly", 0],
      ["slirp", "Never", 3],
    ] as const) {
      const answer = await plan(binding, policy);
      expect(answer.code, `${binding} ${policy}: ${answer.stderr}`).toBe(code);
      if (code !== 0) expect(answer.stderr).toContain("the image fallback policy does not permit this release's own");
    }
    const registered = file("registered.yaml", KUBEVIRT);
    expect((await plan("passt", "Never", "-f", registered)).code).toBe(0);
    const run = await netbind([
      "run",
      "-f",
      file("run.yaml", vm("[{name: default, binding: {name: slirp}}]")),
      "--image-fallback",
      "Never",
    ]);
    expect(run.code).toBe(3);
    expect(run.stderr).toContain("the image fallback policy does not permit this release's own");
    expect((await plan("slirp", "Sometimes")).code).toBe(2);
  });

  test("what a binding costs beside the guest, and what a cluster would keep for it", async () => {
    const path = file("plan.yaml", vm("[{name: default, binding: {name: passt}}]"));
    const memory = async (cr: string): Promise<readonly string[]> => {
      const { stdout, stderr, code } = await netbind(["plan", "-f", path, "-f", file("plan-cr.yaml", cr)]);
      expect(code, stderr).toBe(0);
      return stdout.split("\n").filter((line) => line.startsWith("memory: "));
    };
    const needed = "memory: the bindings need 250 MiB beside the guest's";
    expect(await memory(KUBEVIRT)).toEqual([needed]);
    const [first, second] = await memory(KUBEVIRT.replace("memory: 250Mi", "memory: 100Mi"));
    expect(first).toBe(needed);
    expect(second).toMatch(/^memory: a cluster reserves 100 MiB .*computeResourceOverhead/);
  });
});

describe("explain", () => {
  test("a rule, a binding, a field; a family of rules; everything", async () => {
    expect((await netbind(["explain", "net-1"])).stdout).toMatch(
      /^NET-1: .*\n {2}why:.*\n {2}fix:.*\n {2}versions: every version\n {2}breaks:.*\n {2}KubeVirt: /,
    );
    expect((await netbind(["explain", "passt"])).stdout).toMatch(/^binding passt: [\s\S]*interfaces\[\]\.passt: /);
    expect((await netbind(["explain", "interfaces[0].macAddress"])).stdout).toMatch(
      /^spec\.domain\.devices\.interfaces\[\]\.macAddress: /,
    );
    expect(JSON.parse((await netbind(["explain", "range", "-o", "json"])).stdout)).toMatchObject({
      rules: { length: 9 },
    });
    expect((await netbind(["explain"])).stdout).toContain("BIND-2");
    expect(await netbind(["explain", "nothing"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no rule, binding, field or error code is named"),
    });
  });
});
