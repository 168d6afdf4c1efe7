import { readdirSync, readFileSync } from "node:fs";
import { exec, isAlive, processesIn } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiServer } from "../support/cluster/api-server.ts";
import { downCluster, upOwnCluster } from "../support/cluster/cluster.ts";
import { ClusterDirectory, holdersOf } from "../support/cluster/cluster-directory.ts";
import { BUSYBOX_IMAGE } from "../support/cluster/image-archive.ts";
import { defaultRelease } from "../support/cluster/kubernetes.ts";
import { InNode } from "../support/cluster/in-node.ts";
import { prepareNode, TUN_RESOURCE } from "../support/cluster/virt-handler.ts";
import { pushImage } from "../support/cluster/registry.ts";

const SYSCTLS = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "net/ipv4/ip_forward",
];

/** What of the machine a kubelet, a container runtime or a CNI plugin would change. */
const machine = async (): Promise<object> => ({
  sysctls: SYSCTLS.map((name) => readFileSync(`/proc/sys/${name}`, "utf8")),
  groups: readdirSync("/sys/fs/cgroup"),
  links: JSON.parse(await exec(["ip", "-json", "link", "show"])).map(({ ifname }: { ifname: string }) => ifname),
  mounts: readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(directory.path)),
});

const directory = new ClusterDirectory(`pods-${process.pid}`);
let api: ApiServer;
let before: object;

beforeAll(async () => {
  before = await machine();
  await upOwnCluster(directory, { release: defaultRelease(), nodes: 2 });
  api = new ApiServer(directory);
});
afterAll(() => downCluster(directory));

/** A web server that says its name, on a node. */
const webPod = (name: string, nodeName: string, image = BUSYBOX_IMAGE): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", labels: { app: name } },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "web",
        image,
        command: ["/bin/sh", "-c", "hostname >/tmp/index.html; exec httpd -f -p 80 -h /tmp"],
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
      },
    ],
  },
});
const service = (name: string): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { selector: { app: name }, ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80 }] },
});
const list = async (...query: readonly string[]): Promise<readonly string[]> =>
  (await api.kubectl(["get", ...query])).split(" ").filter((text) => text !== "");
const fetchFrom = (pod: string, address: string): Promise<string> =>
  api.kubectl(["exec", pod, "--", "sh", "-c", `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} 80`]);

test("pods of two nodes reach each other and each other's Services, by IPv4 and by IPv6", async () => {
  await api.apply(webPod("one", "node1"), webPod("two", "node2"), service("two"));
  await api.kubectl(["wait", "--for=condition=Ready", "pod/one", "pod/two", "--timeout=60s"]);
  const addresses = await list("pod", "two", "-o", "jsonpath={.status.podIPs[*].ip}");
  const services = await list("service", "two", "-o", "jsonpath={.spec.clusterIPs[*]}");
  expect([addresses, services].map(({ length }) => length)).toEqual([2, 2]);
  for (const address of [...addresses, ...services])
    await expect
      .poll(() => fetchFrom("one", address), { timeout: 20_000 })
      .toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\ntwo\n$/);
});

test("an image is pulled by its digest from the cluster's registry", async () => {
  const image = await pushImage(directory, `docker-archive:${directory.file("images/busybox.tar")}`, "web");
  expect(image).toMatch(/^10\.77\.0\.1:5000\/web@sha256:[0-9a-f]{64}$/);
  await api.apply(webPod("pulled", "node2", image));
  await api.kubectl(["wait", "--for=condition=Ready", "pod/pulled", "--timeout=60s"]);
  const [id] = await list("pod", "pulled", "-o", "jsonpath={.status.containerStatuses[0].imageID}");
  expect(id).toBe(image);
});

test("a container that asks for KubeVirt's tun gets it from a device plugin, as the VM's user", async () => {
  await prepareNode(api, 1, new InNode(directory, 1));
  const limits = { [TUN_RESOURCE]: "1" };
  const container = {
    name: "main",
    image: BUSYBOX_IMAGE,
    command: ["/bin/cat", "/dev/net/tun"],
    resources: { limits },
  };
  const securityContext = { runAsUser: 107, runAsGroup: 107 };
  const spec = { containers: [{ ...container, securityContext }], restartPolicy: "Never" };
  const nodeSelector = { "kubevirt.io/schedulable": "true" };
  await api.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "tap", namespace: "default" },
    spec: { ...spec, nodeSelector },
  });
  await api.kubectl(["wait", "--for=jsonpath={.status.phase}=Failed", "pod/tap", "--timeout=60s"]);
  // The kernel's word on a tun that was opened and is attached to no link: it is there, and this user may open it.
  expect(await api.kubectl(["logs", "tap"])).toMatch(/File descriptor in bad state/);
});

test("nothing of the machine is changed, and nothing of the cluster is left", async () => {
  expect(await machine()).toEqual(before);
  const record = directory.running();
  const holders = record === undefined ? [] : holdersOf(record);
  expect(holders.length).toBe(3);
  const members = holders.flatMap(({ first }) => processesIn(`/proc/${first.pid}/ns/net`));
  await downCluster(directory);
  expect(members.filter(isAlive)).toEqual([]);
  expect(await machine()).toEqual(before);
  expect(ClusterDirectory.list()).not.toContain(directory.name);
});
