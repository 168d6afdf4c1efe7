/** A binding through the node agent, as a cluster has it: a pod is attached, its hooks are driven, its guest is reached. */
import { processesOfUser, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import { KubeGuest } from "./kube-guest.ts";
import { KubeNode } from "./kube-node.ts";
import { Outside } from "./outside.ts";

/** A name that only the demo guest has, and what a stranger fetches from it. */
const serve = (nonce: string): string => `mkdir -p /www; echo ${nonce} > /www/index.html; httpd -p 8080 -h /www; echo serving`;

export interface AgentBinding {
  readonly binding: string;
  /** The guest's address, by the pod's. */
  readonly address: (pod: string) => string;
  /** True where KubeVirt writes the NIC: the guest has the pod link's MAC address. */
  readonly onTap: boolean;
}

/** Proves one binding from the pod's first sight to its end, with nothing left. */
export async function proveThroughAgent({ binding, address, onTap }: AgentBinding): Promise<void> {
  await using node = await KubeNode.make();
  node.startAgent();
  const nics = [{ name: "red", binding, ports: [{ port: 8080 }] }];
  const pod = await node.pod({ vm: "guest", nics });
  await node.says(pod, "ATTACHED", 60_000);
  await using guest = new KubeGuest(node, pod);
  const events = await guest.boot(nics);
  expect(events.filter(({ event }) => event === "defined").length).toBe(3);
  expect(await guest.inGuest("ip -4 -o addr show eth0")).toContain(address(pod.address));
  const [link] = JSON.parse(await pod.run(["ip", "-json", "link", "show", "dev", "eth0"])) as readonly { readonly address: string }[];
  if (onTap) expect(await guest.inGuest("cat /sys/class/net/eth0/address")).toContain(link?.address);
  expect(await guest.inGuest(serve(pod.uid))).toContain("serving");
  using outside = await Outside.start(node.netns);
  let page = "";
  await waitUntil(async () => {
    page = await outside.fetch(`http://${pod.address}:8080/`).catch(() => "");
    return page !== "";
  }, 20_000);
  expect(page.trim()).toBe(pod.uid);
  expect(await outside.connect(pod.address, 8081)).toBe("ECONNREFUSED");
  expect((await guest.hooks("", {}, ["-shutdown"])).at(-1)).toMatchObject({ event: "shutdown" });
  expect(guest.runs).toBe(true);
  const services = node.serviceUid(pod);
  await guest[Symbol.asyncDispose]();
  await node.removePod(pod);
  await waitUntil(() => node.leftovers().length === 0, 30_000);
  expect(node.leftovers()).toEqual([]);
  expect(processesOfUser(services)).toEqual([]);
}
