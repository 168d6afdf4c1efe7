/** A passt that ends: libvirt starts another, by which the guest goes on. Libvirt tries once, so this waits for no other test. */
import { findVm, netnsPath, type VmStatus } from "@netbind/local";
import { waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind } from "../support/guest/netbind.ts";
import { Outside } from "../support/peers/outside.ts";

const lab = useLab();
/** Beyond the guest's gateway: passt takes what is sent to the gateway itself for the pod's own. */
const BEYOND = "198.51.100.7";
const VMI = demoVmi({ name: "one", port: 80, nonce: "n0nce" }).replace("masquerade: {}", "binding: {name: passt}");

/** The process that a VM's passt is. */
async function passtOf(): Promise<number> {
  const { stdout } = await netbind(["status", "one", "-o", "json"], { env: lab.env });
  return (JSON.parse(stdout) as VmStatus).processes.find(({ role }) => role === "passt red")?.pids[0] ?? 0;
}

test("passt is started again where it ends, and the guest goes on by it", async () => {
  expect(VMI).toContain("binding: {name: passt}");
  const { nics } = await lab.start(VMI, "--wait", "5");
  await lab.booted("one");
  using outside = await Outside.start(netnsPath(lab.state.nodeNetns));
  await outside.run(["ip", "addr", "replace", `${BEYOND}/32`, "dev", "lo"]);
  const first = await passtOf();
  process.kill(first, "SIGKILL");
  expect(await waitUntil(async () => ![0, first].includes(await passtOf()), 20_000, 500)).toBe(true);
  expect((await netbind(["check"], { env: lab.env })).code).toBe(0);
  // It knows its guest by what the guest sends.
  const pings = async (): Promise<boolean> =>
    (await lab.inGuest("one", `ping -c 1 -W 2 ${BEYOND} > /dev/null 2>&1 && echo answered || echo nothing`)).includes(
      "answered",
    );
  expect(await waitUntil(pings, 30_000, 500)).toBe(true);
  const fetch = async (): Promise<string> =>
    (await outside.fetch(`http://${nics[0]?.podAddresses[0] ?? ""}/`).catch(() => "")).trim();
  expect(await waitUntil(async () => (await fetch()) === "n0nce", 20_000, 500)).toBe(true);
  expect(findVm(lab.state, "one").phase).toBe("running");
  outside[Symbol.dispose]();
  await lab.stop("one");
});
