/** What a node's agent asks its API server for when it starts: lists, and by name only what no list has. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ApiCall, ApiClient, ApiCluster } from "@netbind/kube";
import { expect, test } from "vitest";
import { launcherPod, vmiObject } from "../../support/kube/kube-objects.ts";

const NODE = "node-1";
/** Longer than the agent waits between two looks at its pods. */
const LOOKS = 500;
const NICS = [{ name: "red", binding: "masquerade" }];
const podOf = (vm: string, uid: string): object =>
  launcherPod({ uid, name: `virt-launcher-${vm}`, vm, node: NODE, nics: NICS });

/** An API server with pods of two VMs, of which one is not labeled yet. Its lists of VMIs wait for {@link listVmis}. */
class Scripted extends ApiClient {
  readonly named: string[] = [];
  readonly #vmis = Promise.withResolvers<void>();

  constructor() {
    super({ server: new URL("https://127.0.0.1:1"), source: "a test", credentials: () => ({}) });
  }

  readonly listVmis = this.#vmis.resolve;

  override async request({ verb, resource, name = "", query }: ApiCall): Promise<Readonly<Record<string, unknown>>> {
    if (verb === "get") {
      this.named.push(name);
      return vmiObject(name, NICS);
    }
    if (resource.kind === "VirtualMachineInstance") await this.#vmis.promise;
    const items = {
      Pod: [
        podOf("labeled", "11111111-2222-3333-4444-555555555555"),
        podOf("new", "21111111-2222-3333-4444-555555555555"),
      ],
      VirtualMachineInstance:
        query?.["labelSelector"] === `kubevirt.io/nodeName=${NODE}` ? [vmiObject("labeled", NICS)] : [],
    }[resource.kind];
    return { metadata: { resourceVersion: "1" }, items: items ?? [] };
  }

  override async *watch({ signal }: Parameters<ApiClient["watch"]>[0]): AsyncGenerator<unknown, void> {
    await new Promise((resolve) => signal?.addEventListener("abort", resolve));
  }
}

test("an agent that starts asks by name for no VMI that its lists have, however long they take", async () => {
  using client = new Scripted();
  const stop = new AbortController();
  const cluster = new ApiCluster({ client, node: NODE });
  const running = cluster.run(stop.signal);
  await sleep(LOOKS);
  expect(client.named).toEqual([]);
  client.listVmis();
  await expect.poll(() => client.named).toContain("new");
  expect(client.named).not.toContain("labeled");
  expect((await cluster.snapshot()).vmis.map(({ metadata }) => metadata.name).toSorted()).toEqual(["labeled", "new"]);
  stop.abort();
  await running;
});
