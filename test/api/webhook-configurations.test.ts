/** The controller as a program tells API servers of its webhooks: ours are not passed by, others are if it is away. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ApiError, type ApiServer } from "../support/cluster/api-server.ts";
import { Program } from "../support/cluster/controller-program.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { openInward } from "../support/cluster/inward.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer, useCluster } from "../support/cluster/use-api-server.ts";
import {
  applyEmptyWebhooks,
  readWebhookConfigurations,
  removeWebhookConfigurations,
} from "../support/cluster/webhook-objects.ts";

const WITHIN = { timeout: 60_000, interval: 200 };

/** Stores VMIs of a namespace, and says what comes of it. */
class Vmis {
  readonly #api: ApiServer;
  readonly #path: string;
  #made = 0;

  constructor(api: ApiServer, namespace: string) {
    this.#api = api;
    this.#path = `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;
  }

  async #said(method: "POST" | "PATCH" | "DELETE", path: string, body?: object): Promise<string> {
    try {
      await this.#api.request({ method, path, ...(body === undefined ? {} : { body }) });
      return "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.message;
    }
  }

  make(binding: string, name = `vm-${this.#made++}`): Promise<string> {
    const devices = { interfaces: [{ name: "red", binding: { name: binding } }] };
    const spec = { domain: { devices }, networks: [{ name: "red", pod: {} }] };
    const metadata = { name, finalizers: ["test.netbind.dev/held"] };
    return this.#said("POST", this.#path, {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachineInstance",
      metadata,
      spec,
    });
  }

  change(name: string, body: object): Promise<string> {
    return this.#said("PATCH", `${this.#path}/${name}`, body);
  }

  remove(name: string): Promise<string> {
    return this.#said("DELETE", `${this.#path}/${name}`);
  }
}

test("VMs are reviewed by the names that are ours now; where the program is away, ours wait and others pass", async () => {
  const api = useApiServer();
  await applyNetworkBindingCrd(api);
  await applyEmptyWebhooks(api);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeWebhookConfigurations(api));
  const lab = stack.use(await Registering.make(api, {}));
  const directory = mkdtempSync(join(tmpdir(), "netbind-webhooks-"));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const kubeconfig = join(directory, "kubeconfig");
  writeKubeconfig(kubeconfig, await controllerAccount(api, lab.namespace));
  const port = await freePort();
  const inward = stack.use(await openInward(useCluster(), port));
  const url = `https://127.0.0.1:${inward.port}`;
  const own = ["--namespace", lab.namespace, "--kubevirt-namespace", lab.namespace, "--listen", "127.0.0.1:0"];
  const options = ["--kubeconfig", kubeconfig, ...own, "--webhooks", `127.0.0.1:${port}`, "--webhook-url", url];
  const program = stack.use(new Program(...options));
  const vmis = new Vmis(api, lab.namespace);
  await expect.poll(() => vmis.make("passt"), WITHIN).toContain('[REG-1] no binding plugin \\"passt\\" is registered');
  await expect.poll(() => program.served("/readyz"), WITHIN).toBe("200 ok\n");
  expect(await vmis.make("theirs")).toBe("");
  await lab.bind("passt");
  await lab.bind("pasta");
  await expect.poll(() => lab.registered(), WITHIN).toHaveProperty("passt");
  await expect.poll(() => vmis.make("passt", "ours"), WITHIN).toBe("");
  // A name that is ours since now, and that no image is known for.
  await expect.poll(() => readWebhookConfigurations(api), WITHIN).toContain('\\"pasta\\"');
  await expect.poll(() => vmis.make("pasta"), WITHIN).toContain("[REG-1]");
  await program.end("SIGKILL");
  expect(await vmis.make("passt")).toContain('failed calling webhook \\"vmis.mutation.netbind.dev\\"');
  expect(await vmis.make("theirs")).toBe("");
  // What leaves the spec as it is passes, so that VMs can always go.
  expect(await vmis.change("ours", { metadata: { labels: { a: "b" } }, status: { phase: "Running" } })).toBe("");
  expect(await vmis.change("ours", { spec: { hostname: "another" } })).toContain("failed calling webhook");
  expect(await vmis.remove("ours")).toBe("");
  expect(await vmis.change("ours", { metadata: { finalizers: [] } })).toBe("");
  expect(await vmis.make("passt", "ours")).toContain("failed calling webhook");
});
