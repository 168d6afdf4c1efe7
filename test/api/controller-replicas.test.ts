/** The controller as a program, in two replicas with the rights of the chart: one writes, and another goes on. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { Program } from "../support/cluster/controller-program.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { writeKubeconfig } from "../support/cluster/kubeconfig.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 60_000, interval: 100 };
const DIGEST = `sha256:${"e".repeat(64)}`;

let api: ApiServer;
let directory: string;
beforeEach(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
  directory = mkdtempSync(join(tmpdir(), "netbind-controller-"));
  return () => rmSync(directory, { recursive: true });
});

async function optionsFor(lab: Registering): Promise<readonly string[]> {
  const kubeconfig = join(directory, "kubeconfig");
  writeKubeconfig(kubeconfig, await controllerAccount(api, lab.namespace));
  const namespaces = ["--namespace", lab.namespace, "--kubevirt-namespace", lab.namespace];
  return ["--kubeconfig", kubeconfig, ...namespaces, "--listen", "127.0.0.1:0"];
}

test("of two replicas one writes; when it is killed, the other goes on, and nothing is lost", async () => {
  await using lab = await Registering.make(api, {});
  const images = join(directory, "images.json");
  writeFileSync(images, JSON.stringify({ slirp: { image: "netbind/slirp:9", digest: DIGEST } }));
  const options = [...(await optionsFor(lab)), "--image-registry", "mirror.example/n", "--images", images];
  await using first = new Program(...options);
  await using second = new Program(...options);
  const replicas = [first, second];
  const leading = async (): Promise<readonly boolean[]> => await Promise.all(replicas.map((one) => one.isLeading()));
  await expect.poll(async () => (await leading()).filter(Boolean).length, WITHIN).toBe(1);
  for (const one of replicas) {
    await expect.poll(() => one.served("/readyz"), WITHIN).toBe("200 ok\n");
    expect(await one.served("/healthz")).toBe("200 ok\n");
  }
  await lab.bind("slirp");
  const slirp = { sidecarImage: `mirror.example/n/netbind/slirp:9@${DIGEST}` };
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ slirp });
  const [holder, other] = (await first.isLeading()) ? [first, second] : [second, first];
  await holder.end("SIGKILL");
  await lab.bind("macvtap");
  await lab.unbind("slirp");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ macvtap: { domainAttachmentType: "tap" } });
  expect(await other.isLeading()).toBe(true);
  // It is counted after what it wrote can be seen.
  const metrics = (): Promise<string> => other.served("/metrics");
  await expect.poll(metrics, WITHIN).toContain('netbind_controller_reconciles_total{result="done"}');
  expect(await other.end("SIGTERM")).toBe(0);
  expect(other.log).not.toContain('"level":50');
  expect(await lab.registered()).toHaveProperty("macvtap");
});

test("a file that the command line names and that is not there is named, with what is wrong", async () => {
  await using lab = await Registering.make(api);
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[...(await optionsFor(lab)), "--images", "/nowhere.json"], "--images /nowhere.json: ENOENT"],
    [["--kubeconfig", "/nowhere.config"], "kubeconfig /nowhere.config: ENOENT"],
    [["--log-level", "loud"], '--log-level: "loud" is not one of trace'],
  ];
  const ended = wrong.map(async ([options, said]) => {
    await using program = new Program(...options);
    expect(await program.end()).toBe(2);
    expect(program.log).toContain(said);
  });
  await Promise.all(ended);
});
