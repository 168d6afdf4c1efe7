/** What the controller says of VMs that wait: for a binding that is not registered, and for a node's agent. */
import { beforeAll, expect, test } from "vitest";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { eventsOf } from "../support/cluster/events-of.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { NodeObjects } from "../support/cluster/node-objects.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

/** What the controller promises. */
const WITHIN = { timeout: 30_000, interval: 200 };

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

const messages = async (lab: Registering, reason: string): Promise<readonly string[]> =>
  (await eventsOf(api, lab.namespace)).filter((one) => one.reason === reason).map(({ message }) => message);
/**
 * Makes a VM that waits, and lets the controller report it: all that waited before it is reported by then, since what lasts
 * equally long is reported in the order in which it began.
 */
async function reportLast(lab: Registering): Promise<void> {
  await new NodeObjects(api, lab.namespace).makePendingVmi("last", [{ name: "red", binding: "unknown" }]);
  const all = async (): Promise<string> => (await messages(lab, "BINDING_UNREGISTERED")).join("\n");
  await expect.poll(all, WITHIN).toContain('the binding "unknown"');
}

/** A pod of the node agent, on a node. */
async function makeAgent({ namespace, node }: NodeObjects, phase: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const metadata = { name: `netbind-agent-${node}`, labels: { app: "netbind-agent" } };
  const spec = { nodeName: node, containers: [{ name: "agent", image: "localhost/none" }] };
  await api.request({ method: "POST", path, body: { metadata, spec } });
  await api.request({ method: "PATCH", path: `${path}/netbind-agent-${node}/status`, body: { status: { phase } } });
}

test("a VM that waits for an unregistered binding is told of it, with what is registered", async () => {
  await using lab = await Registering.make(api, { configuration: { network: { binding: { lan: {} } } } });
  lab.control();
  await new NodeObjects(api, lab.namespace).makePendingVmi("vm");
  await expect.poll(() => messages(lab, "BINDING_UNREGISTERED"), WITHIN).toHaveLength(1);
  const [event] = await eventsOf(api, lab.namespace);
  expect(event).toMatchObject({ type: "Warning", involvedObject: { kind: "VirtualMachineInstance", name: "vm" } });
  expect(event?.message).toMatch(
    /^interface "red" waits for the binding "masquerade", which is not registered: create/,
  );
  expect(event?.message).toContain("(registered: lan)");
  expect(await api.kubectl(["events", "-n", lab.namespace, "--for", "virtualmachineinstance/vm"])).toContain(
    "BINDING_UNREGISTERED",
  );
});

test("where its NetworkBinding cannot be registered, the event says why", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  const objects = new NodeObjects(api, lab.namespace);
  await objects.makePendingVmi("vm");
  await lab.bind("masquerade", { fallback: "SlirpOnly" });
  const all = async (): Promise<string> => (await messages(lab, "BINDING_UNREGISTERED")).join("\n");
  await expect.poll(all, WITHIN).toContain("NetworkBinding masquerade is there, but: nothing is written");
});

test("a VM whose binding is registered in time is not told of it", async () => {
  await using lab = await Registering.make(api, {});
  lab.control(api.credentials, { grace: 3000 });
  await new NodeObjects(api, lab.namespace).makePendingVmi("vm");
  await lab.bind("masquerade");
  await expect.poll(() => lab.registered(), WITHIN).toHaveProperty("masquerade");
  await reportLast(lab);
  expect(await messages(lab, "BINDING_UNREGISTERED")).toHaveLength(1);
});

test("a VM whose pod is on a node without an agent is told of it within 30 s, once", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("masquerade");
  await expect.poll(() => lab.reason("masquerade", "Ready"), WITHIN).toBe("True Ready");
  const objects = new NodeObjects(api, lab.namespace);
  const uid = await objects.makeVmi("vm");
  await objects.patchVmi("vm", { status: { phase: "Scheduled" } });
  await objects.bindPod("vm", uid);
  await expect.poll(() => messages(lab, "AGENT_MISSING"), WITHIN).toHaveLength(1);
  const [message] = await messages(lab, "AGENT_MISSING");
  expect(message).toContain(`pod virt-launcher-vm waits for the node agent: none runs on node "${objects.node}"`);
  await reportLast(lab);
  expect((await eventsOf(api, lab.namespace)).filter(({ count }) => count > 1)).toEqual([]);
});

/** Makes a VM on a node of its own, named as the VM. */
async function makeWaiting(lab: Registering, name: string, status: object, agent?: string): Promise<void> {
  const objects = new NodeObjects(api, lab.namespace, `node-${name}`);
  if (agent !== undefined) await makeAgent(objects, agent);
  const uid = await objects.makeVmi(name);
  await objects.patchVmi(name, { status });
  await objects.bindPod(name, uid);
}

test("of VMs whose guest is to come, those are told of it on whose node no agent runs", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("masquerade");
  await expect.poll(() => lab.names(), WITHIN).toHaveLength(1);
  await makeWaiting(lab, "agent-runs", { phase: "Scheduled" }, "Running");
  await makeWaiting(lab, "agent-pending", { phase: "Scheduled" }, "Pending");
  await makeWaiting(lab, "guest-here", { phase: "Running", nodeName: "node-guest-here" });
  await makeWaiting(lab, "guest-elsewhere", { phase: "Running", nodeName: "elsewhere" });
  await reportLast(lab);
  const told = (await eventsOf(api, lab.namespace)).filter(({ reason }) => reason === "AGENT_MISSING");
  expect(told.map(({ involvedObject }) => involvedObject.name).sort()).toEqual(["agent-pending", "guest-elsewhere"]);
});

test("a VM whose binding's sidecar is another product's is not told of an agent", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("slirp");
  await expect.poll(() => lab.names(), WITHIN).toHaveLength(1);
  await makeWaiting(lab, "vm", { phase: "Scheduled" });
  await reportLast(lab);
  expect(await messages(lab, "AGENT_MISSING")).toEqual([]);
});
