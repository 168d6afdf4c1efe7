/** One guest with a NIC of each model that KubeVirt takes, and what the guide's table says of its MTU. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findVm } from "@netbind/local";
import { expect, test } from "vitest";
import { type GuestNic, guestNics } from "../support/guest/guest-nics.ts";
import { useLab } from "../support/guest/lab.ts";
import { liveXml } from "../support/guest/live-xml.ts";
import { documents, multus, nad, vm } from "../support/kube/objects.ts";

const lab = useLab();
const MTU = { pod: 1450, network: 1400, ethernet: 1500 };
/** The models, the guest's driver of each, and whether its network gives an address. */
const MODELS = [
  { model: "e1000", driver: "e1000", address: "10.0.2.2" },
  { model: "e1000e", driver: "e1000e", address: "10.253.1.2" },
  { model: "igb", driver: "igb" },
  { model: "rtl8139", driver: "8139cp", address: "10.253.3.2" },
  { model: "pcnet", driver: "pcnet32", address: "10.253.4.2" },
  { model: "ne2k_pci", driver: "ne2k-pci", address: "10.253.5.2" },
  { model: "virtio", driver: "virtio_net", address: "10.253.6.2" },
] as const;
const nameOf = (at: number): string => `n${at}`;
const macOf = (at: number): string => `02:00:00:00:53:0${at}`;
const isAddressed = (at: number): boolean => "address" in (MODELS[at] ?? {});

const OBJECTS = documents(
  vm("models", {
    interfaces: MODELS.map(({ model }, at) => ({
      name: nameOf(at),
      model,
      macAddress: macOf(at),
      ...(at === 0 ? { masquerade: {} } : { bridge: {} }),
    })),
    networks: MODELS.map((_, at) => (at === 0 ? { name: nameOf(0), pod: {} } : multus(nameOf(at)))),
  }),
  ...MODELS.slice(1).map((_, index) => {
    const at = index + 1;
    const ipam = isAddressed(at) ? { ipam: { type: "host-local", subnet: `10.253.${at}.0/24` } } : {};
    return nad(nameOf(at), {
      type: "bridge",
      bridge: `br-${nameOf(at)}`,
      mtu: MTU.network,
      isGateway: isAddressed(at),
      ...ipam,
    });
  }),
);

/** Takes a lease again as a client that does not ask for the MTU, on a link whose MTU is its driver's own. */
const ignorant = ({ name }: GuestNic): string => `
printf '#!/bin/sh\\nexit 0\\n' > /tmp/ignorant; chmod 755 /tmp/ignorant
ip link set ${name} mtu ${MTU.ethernet}; udhcpc -i ${name} -n -q -t 20 -T 1 -s /tmp/ignorant > /dev/null 2>&1 && echo leased $(cat /sys/class/net/${name}/mtu)`;

test("a guest has every model; DHCP alone tells those that are not virtio of the MTU", {
  timeout: 500_000,
}, async () => {
  const podNetwork = join(lab.directory, "pods.conflist");
  const ipam = { type: "host-local", subnet: "10.244.0.0/24", routes: [{ dst: "0.0.0.0/0" }] };
  writeFileSync(
    podNetwork,
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "pods",
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      mtu: MTU.pod,
      ipam,
    }),
  );
  const { nics } = await lab.start(OBJECTS, "--pod-network", podNetwork, "--wait", "240");
  for (const [at, { address }] of MODELS.map((one) => ({ address: undefined, ...one })).entries())
    expect(nics[at], nameOf(at)).toMatchObject({
      mac: macOf(at),
      guestAddresses: address === undefined ? [] : [address],
    });

  const found = await guestNics(lab, "models");
  const nicOf = (at: number): GuestNic => found.get(macOf(at)) ?? expect.fail(`the guest has no NIC ${macOf(at)}`);
  expect(MODELS.map((_, at) => nicOf(at).driver)).toEqual(MODELS.map(({ driver }) => driver));
  // The guide's table, the row of models that are not virtio: by DHCP, and not at all where there is none.
  const reported = MODELS.map((_, at) => (at === 0 ? MTU.pod : isAddressed(at) ? MTU.network : MTU.ethernet));
  expect(MODELS.map((_, at) => nicOf(at).mtu)).toEqual(reported);
  // Its column of clients that do not ask for the MTU: they take the address, and the MTU stays.
  for (const at of [0, 1])
    expect(await lab.inGuest("models", ignorant(nicOf(at))), nameOf(at)).toContain(`leased ${MTU.ethernet}`);

  const xml = await liveXml(findVm(lab.state, "models"));
  for (const { model } of MODELS)
    expect(xml).toContain(`<model type='${model === "virtio" ? "virtio-non-transitional" : model}'/>`);
  expect(nics.every(({ queueCount }) => queueCount === 1)).toBe(true);
  await lab.stop("models");
});
