/** What a case's golden files say of its VM. */
import { domainNics } from "@netbind/domain";
import type { LocalPodRecord } from "@netbind/local";
import { expect } from "vitest";
import { hasGolden, readGolden } from "./cases.ts";

/** A server as `plan.json` has it. */
export interface GoldenService {
  readonly kind: string;
  readonly client?: { readonly address: string; readonly prefix: number };
  readonly server?: string;
  readonly router?: string;
  readonly hostname?: string;
  readonly mtu?: number;
  readonly bootFileName?: string;
  readonly tftpServerName?: string;
  readonly ntpServers?: readonly string[];
  readonly privateOptions?: readonly { readonly option: number; readonly value: string }[];
}

/** A NIC as `plan.json` has it. */
export interface GoldenNic {
  readonly name: string;
  readonly binding: string;
  readonly pod: { readonly mac: string; readonly mtu: number; readonly addresses: readonly string[] };
  readonly queues?: number;
  readonly links: readonly { readonly kind: string; readonly name: string; readonly mtu: number }[];
  readonly services: readonly GoldenService[];
  readonly processes: readonly { readonly role: string }[];
  readonly domain: { readonly kind: string };
}

/** What a case's golden files say. */
export interface Golden {
  readonly nics: readonly GoldenNic[];
  readonly domain: string;
  /** The bindings that have a sidecar, by name. */
  readonly sidecars: readonly string[];
  readonly warnings: readonly string[];
}

/** What `plan` takes for the MAC address of a link that nobody made yet. */
const ASSUMED_MAC = /^02:00:00:00:aa:/;
/** A binding that KubeVirt's libvirt knows nothing of: its device is among QEMU's arguments. */
const USER_NETWORK_MAC = /&quot;mac&quot;:&quot;([0-9a-f:]{17})/;
/** Reads the golden files of a case. */
export function readGoldenCase(name: string): Golden {
  const pod = JSON.parse(readGolden(name, "pod")) as {
    readonly spec: {
      readonly containers: readonly { readonly env?: readonly { readonly name: string; readonly value: string }[] }[];
    };
  };
  const plugins = pod.spec.containers.flatMap(({ env = [] }) =>
    env.filter((one) => one.name === "NETWORK_BINDING_PLUGIN_NAME"),
  );
  return {
    nics: JSON.parse(readGolden(name, "plan")) as readonly GoldenNic[],
    domain: readGolden(name, "domain"),
    sidecars: plugins.map(({ value }) => value).sort(),
    warnings: hasGolden(name, "warnings") ? readGolden(name, "warnings").trim().split("\n") : [],
  };
}

/** The MAC address that a NIC is to have: the golden one, or where the pod's link has one that nobody foresees, that one. */
export function macOf({ name, pod }: GoldenNic, { domain }: Golden, record: LocalPodRecord): string {
  const golden = domainNics(domain).find((nic) => nic.name === name)?.mac ?? USER_NETWORK_MAC.exec(domain)?.[1] ?? "";
  expect(golden, name).not.toBe("");
  if (golden !== pod.mac || !ASSUMED_MAC.test(golden)) return golden;
  return record.nics[name]?.podLink?.mac ?? expect.fail(`NIC ${name} was not observed`);
}
