import { isMacAddress, parseAddress } from "@netbind/contract";
import type { AgentNic } from "@netbind/kubevirt/status";
import type { Launcher } from "../launcher/launcher.ts";

/** A guest says what it likes: no more of it than this is believed. */
const MOST_NICS = 64;
const MOST_ADDRESSES = 64;
const LONGEST_NAME = 64;
const DEADLINE_SECONDS = 3;
const QUESTION = JSON.stringify({ execute: "guest-network-get-interfaces" });

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => one !== null && typeof one === "object")
    : [];

function readNic(told: Readonly<Record<string, unknown>>): readonly AgentNic[] {
  const { name, "hardware-address": mac, "ip-addresses": addresses } = told;
  if (typeof mac !== "string" || !isMacAddress(mac)) return [];
  const isNamed = typeof name === "string" && name !== "" && name.length <= LONGEST_NAME;
  const known = listOf(addresses)
    .slice(0, MOST_ADDRESSES)
    .flatMap(({ "ip-address": address }) =>
      typeof address === "string" && parseAddress(address) !== undefined ? [address] : [],
    );
  return [{ mac, ...(isNamed ? { interfaceName: name } : {}), addresses: known }];
}

/** Reads a guest agent's answer to guest-network-get-interfaces: what is not a NIC is left out, the loopback too. */
export function readAgentNics(answer: string): readonly AgentNic[] {
  try {
    const { return: nics } = JSON.parse(answer) as { readonly return?: unknown };
    return listOf(nics)
      .slice(0, MOST_NICS)
      .flatMap(readNic)
      .filter(({ mac }) => mac !== "00:00:00:00:00:00");
  } catch {
    return [];
  }
}

/** What the guest's agent reports of its NICs; undefined where none answers. */
export async function askGuestAgent(launcher: Launcher, domain: string): Promise<readonly AgentNic[] | undefined> {
  try {
    return readAgentNics(
      await launcher.virsh(["qemu-agent-command", domain, "--timeout", String(DEADLINE_SECONDS), QUESTION]),
    );
  } catch {
    return undefined;
  }
}
