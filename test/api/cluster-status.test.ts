/** `kubectl netbind status`: the NICs of a cluster's VMs, from a real API server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApiServer, TestNamespace } from "../support/cluster/api-server.ts";
import { clusterVmi, eventOf } from "../support/cluster/cluster-vmi.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";
import { ROOT } from "../support/cases/page-blocks.ts";
import { writeObject } from "../support/cluster/write-object.ts";
import { KUBECTL, netbind, type Outcome } from "../support/guest/netbind.ts";

let api: ApiServer;
let web: TestNamespace;
let other: TestNamespace;
let directory: string;

const HOSTILE = "\u001b[2Jeth0\nfake  row";

beforeAll(async () => {
  api = useApiServer();
  directory = mkdtempSync(join(tmpdir(), "netbind-status-"));
  [web, other] = [await api.makeNamespace(), await api.makeNamespace()];
  const running = clusterVmi({ name: "web", namespace: web.name, nic: { binding: { name: "passt" } } });
  const uid = await writeObject(api, running);
  const about = { kind: "VirtualMachineInstance", namespace: web.name, name: "web", uid };
  await writeObject(api, eventOf(about, { by: "netbind-agent", reason: "ATTACHED", message: "NIC red: passt" }));
  await writeObject(api, eventOf(about, { by: "virt-handler", reason: "Started", message: "started" }));
  const lan = { multus: { networkName: "lan" } };
  const waiting = { phase: "Scheduled", interfaces: [{ name: "red", mac: HOSTILE, podInterfaceName: "net1" }] };
  const inputs = { name: "db", namespace: other.name, nic: { bridge: {} }, network: lan, status: waiting };
  await writeObject(api, clusterVmi(inputs));
});
afterAll(async () => {
  for (const { name } of [web, other])
    await api.request({ method: "DELETE", path: `/apis/kubevirt.io/v1/namespaces/${name}/virtualmachineinstances` });
  await web[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const asKubectl = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  netbind(args, { program: KUBECTL, env: { KUBECONFIG: api.kubeconfig, ...env } });

test("a table has each NIC as the cluster reports it, with the agent's last word, and hostile text is printable", async () => {
  const { code, stdout, stderr } = await asKubectl(["status", "-A"]);
  expect([code, stderr]).toEqual([0, ""]);
  const [header, ...rows] = stdout.trimEnd().split("\n");
  expect(header).toMatch(/^VM +NODE +NIC +NETWORK +BINDING +MAC +ADDRESSES +STATE +AGENT$/);
  const rowOf = (name: string): string => rows.find((row) => row.startsWith(name)) ?? "";
  expect(rowOf(`${web.name}/web`)).toMatch(
    / node-1 +red +pod +passt +02:00:00:a9:49:61 +10\.244\.1\.3,fd00:10:244:1::3 +up +ATTACHED \(.+ ago\)$/,
  );
  expect(rowOf(`${other.name}/db`)).toContain(" lan ");
  expect(rowOf(`${other.name}/db`)).toMatch(/ bridge +\\u\{1b\}\[2Jeth0\\nfake {2}row +- +Scheduled +-$/);
});

test("-n, a VM's name and -o json choose among them, and a VM that is not there has the exit code 4", async () => {
  const { stdout } = await asKubectl(["status", "-n", other.name, "-o", "json"]);
  expect(JSON.parse(stdout)).toMatchObject({ vms: [{ name: "db", phase: "Scheduled", nics: [{ network: "lan" }] }] });
  const one = await asKubectl(["status", `${web.name}/web`, "-o", "json"]);
  expect(JSON.parse(one.stdout)).toMatchObject({ vms: [{ name: "web", agent: { reason: "ATTACHED" } }] });
  const none = await asKubectl(["status", `${web.name}/nowhere`, "-o", "json"]);
  expect([none.code, JSON.parse(none.stdout)]).toMatchObject([4, { error: { code: "CLUSTER_VM_MISSING" } }]);
});

test("what an account may not look at is said, and costs no more than that", async () => {
  const account = await api.asServiceAccount(web.name, "reader");
  await api.apply(
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "reader", namespace: web.name },
      rules: [{ apiGroups: ["kubevirt.io"], resources: ["virtualmachineinstances"], verbs: ["list"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "reader", namespace: web.name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
      subjects: [{ kind: "ServiceAccount", name: "reader", namespace: web.name }],
    },
  );
  const file = join(directory, "reader");
  writeKubeconfig(file, account, web.name);
  const seen = await netbind(["status", "--kubeconfig", file]);
  expect([seen.code, seen.stdout]).toEqual([0, expect.stringMatching(/ passt .* -$/m)]);
  expect(seen.stderr).toMatch(/note: not checked: cannot list events.*resources: \["events"\]/s);
  const all = await netbind(["status", "--kubeconfig", file, "-A"]);
  expect([all.code, all.stderr]).toEqual([1, expect.stringContaining("cannot list virtualmachineinstances")]);
});

test("kubectl finds the plugin of a checkout on the path", async () => {
  const kubectl = join(useCluster().programs, "kubectl");
  const env = { PATH: `${ROOT}:${process.env["PATH"] ?? ""}`, KUBECONFIG: api.kubeconfig, HOME: directory };
  const stdout = await exec([kubectl, "netbind", "status", "-n", other.name, "-o", "json"], { env, deadline: 60_000 });
  expect(JSON.parse(stdout)).toMatchObject({ vms: [{ name: "db" }] });
});

test("the usage of kubectl netbind names it so, and netbind status without an option is this machine's", async () => {
  const help = await asKubectl(["status", "--help"]);
  expect(help.stdout).toMatch(/^Usage: kubectl netbind status /);
  expect(help.stdout).toContain("\n  kubectl netbind status --context lab -n web\n");
  expect(help.stdout).not.toMatch(/^ +netbind /m);
  const wrong = await asKubectl(["status", "--context", "nowhere"]);
  expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('contexts has no entry "nowhere"')]);
  const machine = await netbind(["status"], { env: { KUBECONFIG: api.kubeconfig } });
  expect(machine.stdout).not.toContain(web.name);
});
