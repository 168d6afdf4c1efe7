/** Each right of the controller in the chart is used: without it the controller says that it is missing. */
import { ApiLookups, mutatePod, reviewContextOf, Webhooks } from "@netbind/controller";
import {
  ApiClient,
  CLUSTER_INSTANCETYPES,
  CLUSTER_PREFERENCES,
  INSTANCETYPES,
  LeaderElection,
  NETWORK_ATTACHMENT_DEFINITIONS,
  PREFERENCES,
} from "@netbind/kube";
import { beforeAll, expect, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiCredentials, ApiServer } from "../support/cluster/api-server.ts";
import { CONTROLLER_RIGHTS, controllerAccount, type Right } from "../support/cluster/controller-role.ts";
import { eventsOf } from "../support/cluster/events-of.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { launcherOf, NodeObjects } from "../support/cluster/node-objects.ts";
import { Registering, testRelease } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";
import { removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";

const WITHIN = { timeout: 60_000, interval: 100 };

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

/** Takes part in an election, and renews a Lease, until something is wrong. */
async function electionProblem(as: ApiCredentials, namespace: string): Promise<string> {
  using client = new ApiClient(connectionOf(as));
  const stop = new AbortController();
  const problems: string[] = [];
  const onProblem = (problem = ""): void => {
    problems.push(problem);
    stop.abort();
  };
  const lead = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  const timing = { duration: 2000, deadline: 1500, retry: 100 };
  const parts = { client, namespace, name: "netbind-controller", identity: "a", timing, lead, onProblem };
  await new LeaderElection(parts).run(AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]));
  return problems.join("\n");
}

const missing = ({ verb, resource }: Right): RegExp =>
  new RegExp(`cannot ${verb} ${resource}[^\n]*add the rule[^\n]*resources: \\["${resource}"\\][^\n]*"${verb}"`);

const ofElection = CONTROLLER_RIGHTS.filter(({ resource }) => resource === "leases");
const ofHyperConverged = CONTROLLER_RIGHTS.filter(({ resource }) => resource === "hyperconvergeds");
const ofEvents = CONTROLLER_RIGHTS.filter(({ resource }) => resource === "events");
const ofWebhooks = CONTROLLER_RIGHTS.filter(({ resource }) =>
  ["secrets", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"].includes(resource),
);
const ofPods = CONTROLLER_RIGHTS.filter(
  ({ resource, verb }) => resource === "virtualmachineinstances" && verb === "get",
);
const NAMED = [NETWORK_ATTACHMENT_DEFINITIONS, PREFERENCES, CLUSTER_PREFERENCES, INSTANCETYPES, CLUSTER_INSTANCETYPES];
const ofLookups = CONTROLLER_RIGHTS.filter(({ resource }) => NAMED.some(({ plural }) => plural === resource));
const others = CONTROLLER_RIGHTS.filter(
  (right) => ![...ofElection, ...ofHyperConverged, ...ofEvents, ...ofWebhooks, ...ofPods, ...ofLookups].includes(right),
);

test("the chart has no right that is not tried here", () => {
  expect(CONTROLLER_RIGHTS).toHaveLength(32);
  const tried = [ofElection, ofHyperConverged, ofEvents, ofWebhooks, ofPods, ofLookups, others];
  expect(tried.map(({ length }) => length)).toEqual([3, 2, 3, 6, 1, 5, 12]);
});

// What makes no object of the whole cluster goes on at once.
test.concurrent.each(ofElection)("without $verb of leases it does not take part, and says why", async (right) => {
  await using namespace = await api.makeNamespace();
  expect(await electionProblem(await controllerAccount(api, namespace.name, right), namespace.name)).toMatch(
    missing(right),
  );
});

test.each(others)("without $verb of $resource it says which rule it misses", async (right) => {
  await using lab = await Registering.make(api, {});
  const problems = lab.control(await controllerAccount(api, lab.namespace, right));
  await lab.bind("slirp");
  await expect.poll(() => problems.join("\n"), WITHIN).toMatch(missing(right));
});

test.each(ofEvents)("without $verb of events it says which rule it misses", async (right) => {
  await using lab = await Registering.make(api, {});
  const account = await controllerAccount(api, lab.namespace, right);
  await new NodeObjects(api, lab.namespace).makePendingVmi("vm");
  // What one replica has said the next says again, which counts.
  const first = lab.control(account);
  const events = async (): Promise<number> => (await eventsOf(api, lab.namespace)).length;
  if (right.verb !== "create") await expect.poll(events, WITHIN).toBeGreaterThan(0);
  const second = right.verb === "create" ? first : lab.control(account);
  await expect.poll(() => second.join("\n"), WITHIN).toMatch(missing(right));
});

test.each(ofWebhooks)(
  "without $verb of $resource webhooks are not served or told of, and it says why",
  async (right) => {
    await using namespace = await api.makeNamespace();
    using client = new ApiClient(connectionOf(await controllerAccount(api, namespace.name, right)));
    const problems: string[] = [];
    const context = reviewContextOf({ configuration: {}, version: "" }, [], testRelease());
    const webhooks = new Webhooks({
      ...{ client, namespace: namespace.name, listen: { host: "127.0.0.1", port: 0 }, context: () => context },
      ...{ target: { service: "nowhere", namespace: namespace.name }, virtController: "nobody" },
      // Renewed within seconds.
      lifetimes: { authority: 60_000, server: 3000 },
      onProblem: (_, problem = "") => problems.push(problem),
    });
    const stop = new AbortController();
    const ran = Promise.all([webhooks.follow(stop.signal), webhooks.lead(stop.signal)]);
    await expect.poll(() => problems.join("\n"), WITHIN).toMatch(missing(right));
    stop.abort();
    await ran;
    await removeWebhookConfigurations(api);
  },
);

test.concurrent.each(ofLookups)(
  "without $verb of $resource it is not known what VMs name, and it says why",
  async (right) => {
    await using namespace = await api.makeNamespace();
    using client = new ApiClient(connectionOf(await controllerAccount(api, namespace.name, right)));
    using allowed = new ApiClient(connectionOf(await controllerAccount(api, namespace.name)));
    const resource = NAMED.find(({ plural }) => plural === right.resource) ?? expect.unreachable(right.resource);
    const place = { resource, name: "none", ...(isOfCluster(right) ? {} : { namespace: namespace.name }) };
    const problems: string[] = [];
    const onProblem = (problem = ""): unknown => problems.push(problem);
    expect(await new ApiLookups({ client, onProblem }).find(place)).toBe("unknown");
    expect(problems.join("\n")).toMatch(missing(right));
    expect(await new ApiLookups({ client: allowed, onProblem }).find(place)).toBe("missing");
    expect(problems).toHaveLength(1);
  },
);
const isOfCluster = ({ resource }: Right): boolean => resource.startsWith("virtualmachinecluster");

test.concurrent.each(ofPods)(
  "without $verb of $resource a launcher pod is refused, and the refusal says why",
  async (right) => {
    await using namespace = await api.makeNamespace();
    using client = new ApiClient(connectionOf(await controllerAccount(api, namespace.name, right)));
    const context = reviewContextOf({ configuration: {}, version: "" }, [], testRelease());
    const { metadata, spec } = launcherOf({ vm: "vm", vmi: "1", node: "node" });
    const request = {
      uid: "u",
      kind: "Pod",
      namespace: namespace.name,
      name: "",
      username: "virt-controller",
    } as const;
    const object = { metadata, spec };
    const parts = { client, virtController: "virt-controller" };
    const { causes, status } = await mutatePod({ ...request, operation: "CREATE", object }, context, parts);
    expect(status?.code).toBe(503);
    expect(causes[0]?.message).toMatch(missing(right));
  },
);

async function withHyperConverged(): Promise<Registering> {
  const lab = await Registering.make(api);
  const uid = await lab.create("hyperconvergeds", "hco", {});
  const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "hco", uid };
  await lab.create("kubevirts", "kubevirt", {}, { ownerReferences: [owner] });
  return lab;
}

test.each(ofHyperConverged)("without $verb of HyperConverged's the binding's condition says so", async (right) => {
  await using lab = await withHyperConverged();
  lab.control(await controllerAccount(api, lab.namespace, right));
  await lab.bind("slirp");
  const message = async (): Promise<string> => (await lab.conditions("slirp"))["Registered"]?.message ?? "";
  await expect.poll(message, WITHIN).toMatch(missing(right));
});

test("with these rights it registers, follows and undoes, in KubeVirt's CR and in HyperConverged's", async () => {
  await using lab = await Registering.make(api, {});
  const problems = lab.control(await controllerAccount(api, lab.namespace));
  await new NodeObjects(api, lab.namespace).makePendingVmi("vm");
  await lab.bind("macvtap");
  await expect.poll(() => lab.reason("macvtap", "Ready"), WITHIN).toBe("True Ready");
  await expect.poll(async () => (await eventsOf(api, lab.namespace)).length, WITHIN).toBe(1);
  await lab.unbind("macvtap");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  expect(problems).toEqual([]);
  await using hyper = await withHyperConverged();
  hyper.control(await controllerAccount(api, hyper.namespace));
  await hyper.bind("macvtap");
  const networkBinding = { macvtap: { domainAttachmentType: "tap" } };
  await expect.poll(() => hyper.specOf("hyperconvergeds", "hco"), WITHIN).toEqual({ networkBinding });
  await hyper.unbind("macvtap");
  await expect.poll(() => hyper.specOf("hyperconvergeds", "hco"), WITHIN).toEqual({});
});
