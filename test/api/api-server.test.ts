import { existsSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

let api: ApiServer;
beforeAll(() => {
  api = useApiServer();
});

const vmi = (name: string): object => ({
  apiVersion: "kubevirt.io/v1",
  kind: "VirtualMachineInstance",
  metadata: { name },
  spec: { domain: { devices: { interfaces: [{ name: "default", masquerade: {} }] } }, networks: [] },
});
const VMIS = (namespace: string): string => `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;

test("the server says the release that was built", async () => {
  const { minor } = await api.request<{ minor: string }>({ path: "/version" });
  expect(`1.${minor}`).toBe(defaultRelease());
});

test("KubeVirt's and multus' resources are served, and an object lives in its test's namespace", async () => {
  await using namespace = await api.makeNamespace();
  await api.request({ method: "POST", path: VMIS(namespace.name), body: vmi("web") });
  expect(await api.kubectl(["get", "vmi", "-n", namespace.name, "-o", "name"])).toBe(
    "virtualmachineinstance.kubevirt.io/web\n",
  );
  for (const kind of ["vm", "vmim", "kubevirt", "net-attach-def"])
    expect(await api.kubectl(["get", kind, "-n", namespace.name, "-o", "name"])).toBe("");
});

test("a pod is taken, and a service account has the rights that it was given", async () => {
  await using namespace = await api.makeNamespace();
  const path = `/api/v1/namespaces/${namespace.name}/pods`;
  const spec = { containers: [{ name: "main", image: "localhost/none" }] };
  await api.request({ method: "POST", path, body: { metadata: { name: "one" }, spec } });
  const agent = await api.asServiceAccount(namespace.name, "agent");
  await expect(api.request({ path }, agent)).rejects.toMatchObject({ status: 403 });
  await api.kubectl(["create", "role", "pods", "-n", namespace.name, "--verb=list", "--resource=pods"]);
  const subject = `--serviceaccount=${namespace.name}:agent`;
  await api.kubectl(["create", "rolebinding", "pods", "-n", namespace.name, "--role=pods", subject]);
  await expect.poll(async () => (await api.request<{ items: object[] }>({ path }, agent)).items.length).toBe(1);
});

test("the server can be away: its objects are there when it comes back", async () => {
  await using namespace = await api.makeNamespace();
  await api.request({ method: "POST", path: VMIS(namespace.name), body: vmi("kept") });
  await api.order("stop");
  await expect(api.request({ path: "/version" })).rejects.toThrow();
  await api.order("start");
  const kept = await api.request<{ metadata: { name: string } }>({ path: `${VMIS(namespace.name)}/kept` });
  expect(kept.metadata.name).toBe("kept");
});

test("an administrator's kubeconfig is a file of the cluster", () => {
  expect(existsSync(api.kubeconfig)).toBe(true);
});
