/** The validating webhook, asked by a real API server as it stores VMs. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ApiLookups,
  type ReviewContext,
  reviewContextOf,
  reviewVm,
  serveWebhooks,
  type WebhookServer,
} from "@netbind/controller";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiClient } from "@netbind/kube";
import { connectionOf } from "../support/cluster/api-connection.ts";
import { ApiError, type ApiServer } from "../support/cluster/api-server.ts";
import { Authority } from "../support/cluster/certificates.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { type Inward, openInward } from "../support/cluster/inward.ts";
import { testRelease } from "../support/cluster/registering.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 20_000, interval: 100 };
const NAME = "netbind-test-webhooks";

let api: ApiServer;
let directory: string;
let pki: Authority;
let server: WebhookServer;
let inward: Inward;
let context: ReviewContext | undefined;

const certificateOf = async (authority: Authority, name: string): Promise<{ cert: string; key: string }> => {
  const files = await authority.issue(name, { name, serves: ["IP:127.0.0.1"] });
  return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
};

/** The configuration that the server is asked by, for a namespace. */
const configuration = (namespace: string): object => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: NAME },
  webhooks: [
    {
      name: "vms.netbind.dev",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      timeoutSeconds: 5,
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      rules: [
        {
          ...{ apiGroups: ["kubevirt.io"], apiVersions: ["*"], operations: ["CREATE", "UPDATE"] },
          resources: ["virtualmachines", "virtualmachineinstances"],
        },
      ],
      clientConfig: {
        url: `https://127.0.0.1:${inward.port}/validate`,
        caBundle: readFileSync(pki.caFile).toString("base64"),
      },
    },
  ],
});

beforeAll(async () => {
  api = useApiServer();
  directory = mkdtempSync(join(tmpdir(), "netbind-webhooks-"));
  pki = await Authority.in(directory);
  const review = (request: Parameters<typeof reviewVm>[0]): ReturnType<typeof reviewVm> | undefined =>
    context && reviewVm(request, context);
  const parts = { reviews: new Map([["/validate", review]]) };
  server = await serveWebhooks(
    { host: "127.0.0.1", port: 0 },
    { ...parts, certificate: await certificateOf(pki, "a") },
  );
  inward = await openInward(useCluster(), server.port);
});
afterAll(async () => {
  const path = `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${NAME}`;
  await api.request({ method: "DELETE", path }).catch(() => undefined);
  await inward[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const vmi = (name: string, binding: string): object => ({
  ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name } },
  spec: {
    domain: { devices: { interfaces: [{ name: "red", binding: { name: binding } }] } },
    networks: [{ name: "red", pod: {} }],
  },
});

async function made(namespace: string, object: object): Promise<string> {
  const path = `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;
  try {
    await api.request({ method: "POST", path, body: object });
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.message;
  }
}

test("an API server asks it: our unregistered binding is refused with the reason, another's is warned of", async () => {
  await using namespace = await api.makeNamespace();
  context = reviewContextOf({ configuration: {}, version: "v1.9.0" }, [], testRelease());
  await api.apply(configuration(namespace.name));
  // A configuration takes effect a moment after it is stored.
  let at = 0;
  await expect.poll(() => made(namespace.name, vmi(`early-${at++}`, "passt")), WITHIN).toContain("vms.netbind.dev");
  const said = await made(namespace.name, vmi("refused", "passt"));
  expect(said).toContain('spec.domain.devices.interfaces[0].binding.name: [REG-1] no binding plugin \\"passt\\"');
  const create = ["create", "-n", namespace.name, "--warnings-as-errors", "--filename=-"];
  await expect(api.kubectl(create, vmi("theirs", "theirs"))).rejects.toThrow(
    /Warning: \[REG-1\] spec\.domain\.devices\.interfaces\[0\]\.binding\.name: no binding plugin "theirs"/,
  );
  expect(await made(namespace.name, vmi("theirs", "theirs"))).toContain("already exists");
  context = reviewContextOf({ configuration: {}, version: "v1.10.0" }, [], testRelease());
  expect(await made(namespace.name, vmi("newer", "passt"))).toBe("");
  const registered = { network: { binding: { passt: { sidecarImage: "passt" } } } };
  context = reviewContextOf({ configuration: registered, version: "v1.9.0" }, [], testRelease());
  expect(await made(namespace.name, vmi("registered", "passt"))).toBe("");
  // What is not known is not answered: the configuration says what then.
  context = undefined;
  expect(await made(namespace.name, vmi("unknown", "passt"))).toContain("failed calling webhook");
});

/** A NetworkAttachmentDefinition of a namespace. */
const definition = (namespace: string, config: string): object => ({
  ...{ apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition" },
  metadata: { name: "lan", namespace },
  spec: { config },
});

test("a VM is reviewed by the definition that it names, as the cluster has it, with the chart's rights", async () => {
  await using namespace = await api.makeNamespace();
  using client = new ApiClient(connectionOf(await controllerAccount(api, namespace.name)));
  const problems: (string | undefined)[] = [];
  const lookups = new ApiLookups({ client, onProblem: (problem) => problems.push(problem), bounds: { fresh: 0 } });
  const bridge = { sidecarImage: "bridge", domainAttachmentType: "tap" };
  const configured = { configuration: { network: { binding: { bridge } } }, version: "v1.9.0" };
  context = { ...reviewContextOf(configured, [], testRelease()), lookups };
  await api.apply(configuration(namespace.name));
  let at = 0;
  const store = (): Promise<string> => {
    const { spec, ...object } = vmi(`lan-${at++}`, "bridge") as { readonly spec: object };
    const networks = [{ name: "red", multus: { networkName: "lan" } }];
    return made(namespace.name, { ...object, spec: { ...spec, networks } });
  };
  const where = "spec.networks[0].multus.networkName";
  const missing = `${where}: [NAD-1] NetworkAttachmentDefinition ${namespace.name}/lan does not exist`;
  await expect.poll(store, WITHIN).toContain(missing);
  await api.apply(definition(namespace.name, '{"cniVersion": "1.0.0",'));
  expect(await store()).toContain(`${where}: [NAD-3] spec.config of NetworkAttachmentDefinition ${namespace.name}/lan`);
  await api.apply(definition(namespace.name, '{"cniVersion": "1.0.0", "type": "macvlan", "master": "eth0"}'));
  expect(await store()).toContain("does not work on a network of the CNI plugin macvlan");
  await api.apply(definition(namespace.name, '{"cniVersion": "1.0.0", "type": "bridge", "bridge": "br0"}'));
  expect([await store(), problems]).toEqual(["", []]);
});

test("a certificate is changed while VMs are stored, and none of them fails", async () => {
  await using namespace = await api.makeNamespace();
  context = reviewContextOf({ configuration: {}, version: "v1.10.0" }, [], testRelease());
  await api.apply(configuration(namespace.name));
  let isOver = false;
  const failures: string[] = [];
  let stored = 0;
  const store = async (worker: number): Promise<void> => {
    for (let at = 0; !isOver; at++) {
      const failure = await made(namespace.name, vmi(`vm-${worker}-${at}`, "passt"));
      if (failure !== "") failures.push(failure);
      stored++;
    }
  };
  const stores = [0, 1, 2, 3].map(store);
  for (const name of ["b", "c", "d"]) {
    server.renew(await certificateOf(pki, name));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  isOver = true;
  await Promise.all(stores);
  expect(failures).toEqual([]);
  expect(stored).toBeGreaterThan(20);
});
