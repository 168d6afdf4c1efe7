/** sriov, with virtual functions of a real driver's and a guest that drives them. */
import { expect, test } from "vitest";
import type { NestedOutcome } from "../support/nested/nested-machine.ts";
import { answers, isSilent, type NestedVm, useNestedLab } from "../support/nested/nested-lab.ts";
import { SRIOV_NETWORKS, sriovVm } from "./sriov-vm.ts";
import { setUpWire } from "../support/nested/sriov-wire.ts";

const TAKEN = "all 2 virtual functions of intel.com/sriov_net are taken";
/** Of the guest on its VLAN. */
const TAGGED = "198.51.100.2";
const ONE = sriovVm("one", ["plain", "tagged"]) + SRIOV_NETWORKS;

const lab = useNestedLab(["one", "two"], setUpWire);
const functions = (): Promise<string> => lab.machine.sh("ip link show dev pf0 | grep 'vf '");
const fromOutside = (address: string): Promise<boolean> => answers(lab.machine, "outside", address);
const isCutOff = (address: string): Promise<boolean> => isSilent(lab.machine, "outside", address);
const inGuest = (command: string): Promise<string> => lab.machine.inGuest("one", command);

/** The guest's own view of its two functions. */
interface GuestLinks {
  readonly plain: string;
  readonly tagged: string;
  /** That the host outside gave it by DHCP. */
  readonly address: string;
}

/** What netbind and the domain say of the functions. */
async function expectFunctions({ nics }: NestedVm): Promise<void> {
  expect(nics).toMatchObject([
    { name: "plain", binding: "sriov", mac: "02:00:00:00:0f:01" },
    { name: "tagged", binding: "sriov", mac: expect.stringMatching(/^02:/) },
  ]);
  const vfs = await functions();
  expect(vfs).toMatch(/vf 0 .*02:00:00:00:0f:01.*spoof checking on/);
  expect(vfs).toMatch(new RegExp(`vf 1 .*${nics[1]?.mac}.*vlan 100.*spoof checking off.*trust on`));
  const xml = await lab.definedXml();
  expect(xml.match(/<hostdev /g)).toHaveLength(2);
  expect(xml.match(/<alias name='ua-sriov-(plain|tagged)'\/>/g)).toHaveLength(2);
  expect(xml).not.toContain("<interface");
}

/** The guest drives both by its own driver; the network's VLAN is put on and taken off outside of it. */
async function expectInGuest({ nics }: NestedVm): Promise<GuestLinks> {
  await lab.booted();
  const inside = await inGuest(
    "for link in /sys/class/net/e*; do echo $(basename $link) $(cat $link/address) $(readlink $link/device) $(basename $(readlink $link/device/driver)); done; ip -4 addr",
  );
  const [, plain = ""] = /(eth\d) 02:00:00:00:0f:01 \S*0000:05:00\.0 igbvf/.exec(inside) ?? [];
  const [, tagged = ""] = new RegExp(`(eth\\d) ${nics[1]?.mac} \\S+ igbvf`).exec(inside) ?? [];
  expect([plain, tagged].sort(), inside).toEqual(["eth0", "eth1"]);
  const address = (await lab.machine.sh("cut -d' ' -f3 /tmp/outside.leases")).trim();
  expect(inside).toContain(`${address}/24`);
  expect(await fromOutside(address)).toBe(true);
  await inGuest(`ip addr add ${TAGGED}/24 dev ${tagged}`);
  expect(await fromOutside(TAGGED)).toBe(true);
  return { plain, tagged, address };
}

/** A change of a function on the machine cuts the guest off: that is reported, and repaired. */
async function expectRepair({ address }: GuestLinks): Promise<void> {
  const before = await functions();
  await lab.machine.sh("ip link set dev pf0 vf 0 mac 02:00:00:00:0f:67 vlan 100 spoofchk off trust on");
  expect(await isCutOff(address)).toBe(true);
  const reported = await lab.machine.run("netbind check");
  expect(reported.code, reported.stderr).toBe(1);
  for (const what of ["MAC address is 02:00:00:00:0f:67", "VLAN is 100, not 0", "spoof check is off", "trust is on"])
    expect(reported.stdout).toContain(`NIC plain: its virtual function's ${what}`);
  await lab.machine.sh("netbind apply one");
  expect(await fromOutside(address)).toBe(true);
  expect(await functions()).toBe(before);
}

/**
 * A function's MAC address was set for it: its guest cannot take another, unless its network trusts it. A spoof check cannot
 * be seen at work here: QEMU's NIC keeps the setting, and sends what it is given all the same.
 */
async function expectOwnMac({ plain, tagged, address }: GuestLinks): Promise<void> {
  const taken = (link: string): Promise<string> =>
    inGuest(`ip link set ${link} address 02:00:00:00:0f:66; cat /sys/class/net/${link}/address`);
  expect(await taken(plain)).toMatch(/^02:00:00:00:0f:01$/m);
  expect(await taken(tagged)).toMatch(/^02:00:00:00:0f:66$/m);
  expect(await fromOutside(address)).toBe(true);
}

/** No other VM gets what this one has, and it runs on. */
async function expectTaken(): Promise<void> {
  const file = lab.machine.put("two.yaml", sriovVm("two", ["forced"]) + SRIOV_NETWORKS);
  const other = await lab.machine.run(`netbind run --keep --wait 0 -f ${file}`);
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(TAKEN) });
  expect(await lab.machine.sh("netbind check")).toBe("default/one: healthy\n");
}

/** A function is unplugged from the guest that runs, and plugged again. */
async function expectHotplug({ plain, address }: GuestLinks): Promise<void> {
  await lab.machine.sh("netbind detach-nic one plain");
  expect(await inGuest("grep -l 0f:01 /sys/class/net/e*/address || echo gone")).toContain("gone");
  expect(await isCutOff(address)).toBe(true);
  const networks = lab.machine.put("networks.yaml", SRIOV_NETWORKS);
  await lab.machine.sh(
    `netbind attach-nic one plain --network plain --binding sriov --mac 02:00:00:00:0f:01 --wait 0 -f ${networks}`,
  );
  await inGuest(`ip link set ${plain} up; ip addr add ${address}/24 dev ${plain}`);
  expect(await fromOutside(address)).toBe(true);
}

test("the guest has its network's function, set up as sriov-cni does; hot-unplugged and plugged; nothing is left", async () => {
  const { vm } = await lab.start("one", ONE, 0);
  await expectFunctions(vm);
  const links = await expectInGuest(vm);
  await expectRepair(links);
  await expectOwnMac(links);
  await expectTaken();
  await expectHotplug(links);
  await lab.machine.sh("netbind stop one");
  await lab.expectClean();
});

/** Starts a VM, and sends netbind a signal once its function is vfio's; ends as netbind does. */
const endedAtVfio = (vm: string, signal: string): string => `
  netbind run --keep --wait 0 -f ${lab.machine.put("gone.yaml", vm)} & started=$!
  while ! readlink /sys/bus/pci/devices/0000:01:10.0/driver | grep -q vfio; do sleep 0.05; done
  kill -${signal} $started
  wait $started`;

test("a QEMU that died, and a netbind that was killed, leave functions that gc gives back", async () => {
  const gone = sriovVm("one", ["plain"]) + SRIOV_NETWORKS;
  await lab.start("gone", gone, 0);
  await lab.machine.sh("qemu=$(pgrep qemu-system); kill -9 $qemu; while [ -e /proc/$qemu ]; do sleep 0.1; done");
  // The functions are the machine's: they are given back without a node too.
  await lab.machine.sh("ip netns delete netbind-node; netbind gc");
  await lab.expectClean();
  // Killed where its function is vfio's already, and the guest is not there yet.
  await lab.machine.run(endedAtVfio(gone, "KILL"));
  await lab.machine.sh("netbind gc");
  await lab.expectClean();
});

test("a start that is interrupted gives its functions back by itself", async () => {
  const { code, stderr } = await lab.machine.run(endedAtVfio(sriovVm("one", ["plain"]) + SRIOV_NETWORKS, "TERM"));
  expect(code, stderr).toBe(143);
  await lab.expectClean();
});

test("what is in the way is named, and nothing is left", async () => {
  const run = (name: string, text: string, before = ""): Promise<NestedOutcome> =>
    lab.machine.run(`${before} netbind run --keep --wait 0 -f ${lab.machine.put(name, text)}`);
  // The third of them finds none: the two that were there for it are given back.
  expect(await run("full.yaml", sriovVm("one", ["plain", "tagged", "forced"]) + SRIOV_NETWORKS)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(TAKEN),
  });
  // What this NIC's driver does not set is not set back either.
  expect(await run("forced.yaml", sriovVm("one", ["plain", "forced"]) + SRIOV_NETWORKS)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/state enable.*Operation not supported/),
  });
  const poor = "prlimit --memlock=65536:65536 -- setpriv --bounding-set=-sys_resource";
  expect(await run("one.yaml", sriovVm("one", ["plain"]) + SRIOV_NETWORKS, poor)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("this process may lock at most 65536"),
  });
  const wrong = SRIOV_NETWORKS.replace('"vlan":100', '"vlan":4095').replace("pf0#0-1", "pf9");
  const { code, stderr } = await run("wrong.yaml", sriovVm("one", ["plain", "tagged"]) + wrong);
  expect(code, stderr).toBe(3);
  expect(stderr.match(/this machine has no virtual function for intel.com\/sriov_net/g)).toHaveLength(2);
  expect(stderr).toContain("vlan 4095, which is not a VLAN from 0 to 4094");
  await lab.expectClean();
});
