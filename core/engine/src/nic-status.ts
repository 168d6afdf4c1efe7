import { type Attachment, defined, type Plan, type PodLink, type Port } from "@netbind/contract";
import type { DecidedNic } from "./decide.ts";

/** What was seen of a NIC while its guest runs. */
export interface NicProbe {
  /** Addresses that answered with the NIC's MAC. */
  readonly answered: readonly string[];
  /** Packets that the guest sent and got, as its tap counts them. */
  readonly packets: { readonly fromGuest: number; readonly toGuest: number };
}

/** A NIC as a person wants to see it. */
export interface NicStatus {
  readonly name: string;
  readonly binding: string;
  readonly mac: string;
  /** What the outside reaches the guest by, without prefixes. */
  readonly podAddresses: readonly string[];
  /** The addresses that the guest was seen to have. */
  readonly guestAddresses: readonly string[];
  /** How many there should be; 0 where Netbind hands out none. */
  readonly plannedAddresses: number;
  /** The MTU that the guest's link gets, in bytes; absent where the hypervisor's own network chooses it, or the device. */
  readonly mtu?: number;
  /** Of the domain's interface; absent where there is none, so that it is not known. */
  readonly queueCount?: number;
  /** `80/TCP`; empty where every port goes to the guest. */
  readonly ports: readonly string[];
  /** A first packet each way; absent where the pod has no link of the guest's that counts them. */
  readonly traffic?: { readonly fromGuest: boolean; readonly toGuest: boolean };
}

/** The MAC address of a guest's card. */
export const guestMac = ({ takesPodMac, mac }: DecidedNic, pod: PodLink): string => (takesPodMac ? pod.mac : mac);

/** Ports as people write them: `80/TCP`, `7000-7009/UDP`. */
export const portTexts = (ports: readonly Port[]): readonly string[] =>
  ports.map(({ port, lastPort, protocol }) => `${port}${lastPort === undefined ? "" : `-${lastPort}`}/${protocol}`);

/** The addresses that a plan gives its guest. */
export const plannedGuestAddresses = (plan: Plan): readonly string[] =>
  (plan.services ?? []).flatMap((service) => (service.kind === "ra" ? [] : [service.client.address]));

/** The addresses that a guest is to be seen with: none where its link is down. */
export const awaitedGuestAddresses = ({ state }: Attachment, plan: Plan): readonly string[] =>
  state === "down" ? [] : plannedGuestAddresses(plan);

/** True where the domain has an interface for the NIC, whose queues are known. */
const hasInterface = ({ domain }: Plan): boolean => domain.kind !== "userNetwork" && domain.kind !== "hostdev";

/** A NIC's status, from its record and what was seen. */
export function nicStatus(binding: string, attachment: Attachment, plan: Plan, observed: NicProbe): NicStatus {
  return {
    name: attachment.name,
    binding,
    mac: attachment.mac,
    podAddresses: attachment.pod.addresses.map((address) => address.split("/")[0] ?? address),
    guestAddresses: plannedGuestAddresses(plan).filter((address) => observed.answered.includes(address)),
    plannedAddresses: awaitedGuestAddresses(attachment, plan).length,
    ...defined({
      mtu: plan.domain.kind === "tap" ? attachment.pod.mtu : undefined,
      queueCount: hasInterface(plan) ? Math.max(1, attachment.queues) : undefined,
    }),
    ports: portTexts(attachment.ports),
    ...(plan.domain.kind === "tap"
      ? { traffic: { fromGuest: observed.packets.fromGuest > 0, toGuest: observed.packets.toGuest > 0 } }
      : {}),
  };
}
