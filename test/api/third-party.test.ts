/** A third-party binding beside the controller, in a process of its own: asked Admit and Needs, and missed where it is away. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundlePlugin } from "../support/build/bundle.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { askWebhook } from "../support/cluster/ask-webhook.ts";
import { Program } from "../support/cluster/controller-program.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";
import { applyEmptyWebhooks, removeWebhookConfigurations } from "../support/cluster/webhook-objects.ts";

const WITHIN = { timeout: 60_000, interval: 100 };
/** The controller looks at everything twice a minute: what a condition shows sooner, it has noticed. */
const SOON = { timeout: 15_000, interval: 50 };

let api: ApiServer;
let directory: string;
let bundle: string;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
  await applyEmptyWebhooks(api);
  directory = mkdtempSync(join(tmpdir(), "netbind-third-party-"));
  bundle = bundlePlugin("picky", directory).slice("picky=".length);
});
afterAll(async () => {
  await removeWebhookConfigurations(api);
  rmSync(directory, { recursive: true });
});

/** Starts the binding's process, which serves as the one that is registered as NAME. */
function serve(name: string): AsyncDisposable {
  mkdirSync(join(directory, "bindings", name), { recursive: true });
  const socket = join(directory, "bindings", name, "binding.sock");
  const child: ChildProcess = spawn(process.execPath, [bundle, "binding", socket], { stdio: "ignore" });
  const end = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return { [Symbol.asyncDispose]: end };
}

/** A review of a VMI whose NIC has this name: the binding answers by it. */
const reviewOf = (namespace: string, nic: string, binding = "theirs"): object => ({
  ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
  request: {
    ...{ uid: "u", operation: "CREATE", kind: { kind: "VirtualMachineInstance" }, namespace, name: "vm" },
    object: {
      metadata: {},
      spec: {
        domain: { devices: { interfaces: [{ name: nic, model: "e1000", binding: { name: binding } }] } },
        networks: [{ name: nic, pod: {} }],
      },
    },
  },
});

test("its conditions follow its process, and VMs are reviewed by what it answers", async () => {
  await using lab = await Registering.make(api, {});
  const kubeconfig = join(directory, "kubeconfig");
  writeKubeconfig(kubeconfig, await controllerAccount(api, lab.namespace));
  const port = await freePort();
  await using program = new Program(
    ...["--kubeconfig", kubeconfig, "--namespace", lab.namespace, "--kubevirt-namespace", lab.namespace],
    ...["--bindings", join(directory, "bindings"), "--webhooks", `127.0.0.1:${port}`],
    ...["--webhook-url", `https://127.0.0.1:${port}`],
  );
  const ask = (nic: string, binding?: string): Promise<string> =>
    askWebhook(port, reviewOf(lab.namespace, nic, binding));
  const spec = { image: "registry.example/theirs:1", registration: { domainAttachmentType: "tap" } };
  await lab.bind("theirs", spec);
  const planner = (): Promise<string> => lab.reason("theirs", "PlannerReachable");
  await expect.poll(planner, WITHIN).toBe("False SocketMissing");
  expect(await lab.reason("theirs", "Ready")).toBe("False SocketMissing");
  {
    await using _ = serve("theirs");
    await expect.poll(planner, SOON).toBe("True Answering");
    await expect.poll(() => lab.reason("theirs", "Ready"), SOON).toBe("True Ready");
    // Admit refuses, each violation at the VM's own field.
    await expect.poll(() => ask("refused"), WITHIN).toContain('"allowed":false');
    const refused = await ask("refused");
    expect(refused).toContain('spec.domain.devices.interfaces[0].model: [ADMIT] \\"e1000\\" is not a model');
    expect(refused).toContain("spec.networks[0].pod: [ADMIT] the pod network is not for this binding");
    // Needs is asked as well, and a binding that cannot say costs a warning.
    const failing = await ask("needs-throws");
    expect(failing).toContain('"allowed":true');
    expect(failing).toContain('failed to report the needs of NIC \\"needs-throws\\"');
    expect(await ask("red")).not.toContain("warnings");
    // A name that leads out of the directory is nobody's.
    expect(await ask("refused", "../bindings/theirs")).not.toContain("ADMIT");
  }
  // It was killed: its socket is left, and nothing answers there.
  await expect.poll(planner, SOON).toBe("False Silent");
  expect(await lab.reason("theirs", "Ready")).toBe("False Silent");
  const away = await ask("refused");
  expect(away).toContain('"allowed":true');
  expect(away).toContain('binding \\"theirs\\" was not asked: ');
  {
    await using _ = serve("theirs");
    await expect.poll(planner, SOON).toBe("True Answering");
    await expect.poll(() => ask("refused"), SOON).toContain("[ADMIT]");
  }
  expect(program.log).not.toContain('"level":50');
});
