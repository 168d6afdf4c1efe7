/** A guest in a pod whose primary link is not `eth0`: its NIC is on the link that the pod network's result marks. */
import { findVm } from "@netbind/local";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { expectPrimaryTraffic, PRIMARY, PrimaryNetwork } from "../support/netns/primary-network.ts";

const lab = useLab();

test("masquerade: the guest has its address, and its traffic goes by the primary link", async () => {
  using network = new PrimaryNetwork(lab);
  const status = await lab.start(demoVmi({ name: "one", port: 80, nonce: "n0nce" }), "--pod-network", network.file);
  expect(status.nics).toMatchObject([
    { binding: "masquerade", guestAddresses: ["10.0.2.2"], mtu: 1400, traffic: { fromGuest: true, toGuest: true } },
  ]);
  const names = { pod: PRIMARY, tap: "tap0", bridge: `k6t-${PRIMARY}`, adopted: `${PRIMARY}-nic` };
  expect(findVm(lab.state, "one")).toMatchObject({ attachments: [{ ifname: "eth0" }], attached: [{ names }] });
  expect(await lab.inGuest("one", "cat /run/lease.eth0")).toMatch(/^ip=10\.0\.2\.2$/m);
  await expectPrimaryTraffic(lab, status, "n0nce");
  await lab.stop("one");
});
