/** The validating webhook, asked by a real API server as it stores VMs. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ReviewContext, reviewContextOf, reviewVm, serveWebhooks, type WebhookServer } from "@netbind/controller";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiError, type ApiServer } from "../support/cluster/api-server.ts";
import { Authority } from "../support/cluster/certificates.ts";
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
