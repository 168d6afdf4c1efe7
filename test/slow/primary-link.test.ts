/** Guests of the other bindings in a pod whose primary link is not `eth0`. */
import { domainNics } from "@netbind/domain";
import { findVm } from "@netbind/local";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { liveXml } from "../support/guest/live-xml.ts";
import { expectInGuest, useLab } from "../support/guest/lab.ts";
import { expectPrimaryTraffic, PRIMARY, PrimaryNetwork } from "../support/netns/primary-network.ts";

const lab = useLab();
const VMI = demoVmi({ name: "one", port: 80, nonce: "n0nce" });

test("bridge: the guest takes the primary link's address and MAC", async () => {
  using network = new PrimaryNetwork(lab);
  const status = await lab.start(
    VMI.replace(/masquerade: \{\}.*\n\s+ports:\n.*\n/, "bridge: {}\n"),
    "--pod-network",
    network.file,
  );
  const [nic] = status.nics;
  expect(nic).toMatchObject({ binding: "bridge", guestAddresses: nic?.podAddresses, mtu: 1400 });
  const record = findVm(lab.state, "one");
  expect(record.attached).toMatchObject([{ names: { pod: PRIMARY, bridge: `k6t-${PRIMARY}` }, mac: nic?.mac }]);
  expect(record.nics["red"]?.podLink?.mac).toBe(nic?.mac);
  expect(await lab.inGuest("one", "ip addr show eth0; ip route")).toMatch(/default via 10\.128\.0\.1 dev eth0/);
  await expectPrimaryTraffic(lab, status, "n0nce");
  await lab.stop("one");
});

test("passt: the guest has the primary link's address, and passt its traffic", async () => {
  using network = new PrimaryNetwork(lab);
  const status = await lab.start(
    VMI.replace("masquerade: {}", "binding: {name: passt}"),
    "--pod-network",
    network.file,
    "--wait",
    "5",
  );
  await lab.booted("one");
  const [nic] = domainNics(await liveXml(findVm(lab.state, "one")));
  expect(nic?.xml).toMatch(new RegExp(`<source [^>]*dev='${PRIMARY}'`));
  const pod = status.nics[0]?.podAddresses[0] ?? "";
  await expectInGuest(lab, "one", "ip addr show eth0", [`inet ${pod}/24`]);
  await expectPrimaryTraffic(lab, status, "n0nce");
  await lab.stop("one");
});
