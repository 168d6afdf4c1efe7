import type { NicProbe } from "@netbind/engine";
import type { Exec } from "../exec/exec.ts";

interface Neighbor {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

interface LinkStatistics {
  readonly linkinfo?: { readonly info_kind?: string };
  readonly stats64?: { readonly rx: { readonly packets: number }; readonly tx: { readonly packets: number } };
}

/** Where a guest is seen, and who it should be. */
export interface ProbeRequest {
  readonly bridge: string;
  readonly tap: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** True where the pod's link is handed over: the pod has no address beside the guest's, and asks without one. */
  readonly adopted: boolean;
}

/**
 * Asks by ARP, without an address of one's own (RFC 5227, 2.1.1), who has an IPv4 address; undefined where nothing
 * answers.
 */
async function arpOwner(execIn: Exec, bridge: string, address: string): Promise<string | undefined> {
  // Found or not, it does not end well: what it heard is in its output.
  const probe = `arping -D -I "$1" -c 1 -w 1 "$2" || true`;
  const heard = await execIn(["sh", "-c", probe, "arping", bridge, address]);
  return /\[([0-9A-Fa-f:]{17})\]/.exec(heard)?.[1]?.toLowerCase();
}

const isThere = ({ state }: Neighbor): boolean =>
  !(state ?? []).some((word) => word === "FAILED" || word === "INCOMPLETE");

/** Lets the kernel ask who has an IPv6 address on a link. The pod has that address too, so an answer to the echo never comes. */
async function ndpOwner(execIn: Exec, bridge: string, address: string): Promise<string | undefined> {
  const probe = `ping -6 -n -q -c 1 -W 0.3 -I "$1" "$2" > /dev/null 2>&1; exec ip -json neigh show to "$2" dev "$1"`;
  const neighbors = JSON.parse(
    (await execIn(["sh", "-c", probe, "ping", bridge, address])) || "[]",
  ) as readonly Neighbor[];
  return neighbors.find(isThere)?.lladdr;
}

/** Whose a guest's address is on a bridge whose pod link is handed over; undefined where nothing answers. */
const ownerOf = (execIn: Exec, bridge: string, address: string): Promise<string | undefined> =>
  (address.includes(":") ? ndpOwner : arpOwner)(execIn, bridge, address);

async function neighborsOf(execIn: Exec, { bridge, mac, addresses }: ProbeRequest): Promise<readonly string[]> {
  await Promise.all(
    addresses.map((address) => execIn(["ping", "-n", "-q", "-c", "1", "-W", "0.3", address]).catch(() => "")),
  );
  const neighbors = JSON.parse(
    (await execIn(["ip", "-json", "neigh", "show", "dev", bridge])) || "[]",
  ) as readonly Neighbor[];
  return neighbors.filter((neighbor) => neighbor.lladdr === mac && isThere(neighbor)).map(({ dst }) => dst);
}

async function ownersOf(execIn: Exec, { bridge, mac, addresses }: ProbeRequest): Promise<readonly string[]> {
  const owned = await Promise.all(
    addresses.map(async (address) => ((await ownerOf(execIn, bridge, address)) === mac ? [address] : [])),
  );
  return owned.flat();
}

/**
 * Asks addresses on a bridge to answer, and sees which did with the NIC's MAC. Who has an address is the proof, so a guest
 * that does not answer to echo requests is seen too.
 */
export async function probeNic(execIn: Exec, request: ProbeRequest): Promise<NicProbe> {
  const ask = request.adopted ? ownersOf : neighborsOf;
  const answered = request.addresses.length === 0 ? [] : await ask(execIn, request);
  const show = ["ip", "-json", "-statistics", "-details", "link", "show", "dev", request.tap];
  const [link] = JSON.parse(await execIn(show)) as readonly LinkStatistics[];
  const [rx, tx] = [link?.stats64?.rx.packets ?? 0, link?.stats64?.tx.packets ?? 0];
  // A tap's receive side is what its guest sent; a macvtap's is what came from the network.
  const [fromGuest, toGuest] = link?.linkinfo?.info_kind === "macvtap" ? [tx, rx] : [rx, tx];
  return { answered, packets: { fromGuest, toGuest } };
}

/** How long one question lasts: a caller that cancels waits for no longer. */
const QUESTION_SECONDS = 3;

/** An address that is waited for. */
export interface AwaitedAddress {
  readonly address: string;
  /** How long it is waited for. */
  readonly seconds: number;
  /** Ends the waiting before. */
  readonly signal?: AbortSignal;
}

/** Asks on a bridge whose pod link is handed over, until an address has an owner: false where it had none within `seconds`. */
export async function awaitOwner(
  execIn: Exec,
  bridge: string,
  { address, seconds, signal }: AwaitedAddress,
): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end && signal?.aborted !== true) {
    if ((await ownerOf(execIn, bridge, address)) !== undefined) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** Asks an address until it answers: false where it did not within `seconds`. */
export async function awaitAnswer(execIn: Exec, { address, seconds, signal }: AwaitedAddress): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  for (let left = seconds; left > 0 && signal?.aborted !== true; left = (end - performance.now()) / 1000) {
    const seconds = Math.ceil(Math.min(left, QUESTION_SECONDS));
    try {
      await execIn(["ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", String(seconds), address]);
      return true;
    } catch {
      // ping gives up when the address does not answer yet: the guest may still be booting.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return false;
}
