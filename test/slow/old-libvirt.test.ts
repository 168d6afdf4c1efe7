/** passt behind a KubeVirt whose launcher has an older libvirt: the agent sees which, and the guest is joined as that one can. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { run, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { KubeGuest } from "../support/kube-guest.ts";
import { KubeNode } from "../support/kube-node.ts";
import { makeContainerRoot } from "../support/kube-runtime.ts";
import { Outside } from "../support/outside.ts";

test("a guest with passt of libvirt 10.10's kind has its pod's address, and traffic", async () => {
  await using node = await KubeNode.make();
  node.startAgent();
  const nics = [{ name: "red", binding: "passt", ports: [{ port: 8080 }] }];
  const pod = await node.pod({ vm: "old", nics, listed: false });
  // A launcher's file system, as far as it tells of its libvirt; what runs in it waits.
  const rootfs = join(node.directory, "launcher");
  makeContainerRoot(rootfs);
  for (const path of ["bin", "usr/lib64"]) mkdirSync(join(rootfs, path), { recursive: true });
  const image = await ensureImage(run, new State(stateDirectories(process.env)).cache, () => undefined);
  copyFileSync(join(image.rootfs, "bin/busybox"), join(rootfs, "bin/busybox"));
  writeFileSync(join(rootfs, "usr/lib64/libvirt.so.0.10010.0"), "");
  await node.startLauncher(pod, rootfs, ["/bin/busybox", "sleep", "600"]);
  node.list(pod);
  await node.says(pod, "ATTACHED", 60_000);
  await using guest = new KubeGuest(node, pod);
  const defined = (await guest.boot(nics)).find(({ event }) => event === "defined");
  expect(defined?.["xml"]).toContain("<interface type='user'>");
  expect(defined?.["xml"]).not.toContain("memoryBacking");
  expect(await guest.inGuest("ip -4 -o addr show eth0")).toContain(pod.address);
  expect(await guest.inGuest("mkdir -p /www; echo old > /www/index.html; httpd -p 8080 -h /www; echo serving")).toContain("serving");
  using outside = await Outside.start(node.netns);
  let page = "";
  await waitUntil(async () => {
    page = await outside.fetch(`http://${pod.address}:8080/`).catch(() => "");
    return page !== "";
  }, 20_000);
  expect(page.trim()).toBe("old");
});
