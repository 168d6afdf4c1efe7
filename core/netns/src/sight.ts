import type { NicSighting } from "@netbind/engine";
import type { Run } from "./run.ts";

interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

interface LinkStatistics {
  readonly stats64?: { readonly rx: { readonly packets: number }; readonly tx: { readonly packets: number } };
}

/**
 * Asks addresses on a bridge to answer, and sees which did with the NIC's MAC. The kernel's own neighbour discovery is
 * the proof, so a guest that does not answer to echo requests is seen too.
 */
export async function sightNic(runIn: Run, bridge: string, tap: string, mac: string, addresses: readonly string[]): Promise<NicSighting> {
  await Promise.all(addresses.map((address) => runIn(["ping", "-n", "-q", "-c", "1", "-W", "0.3", address]).catch(() => "")));
  const neighbours = JSON.parse((await runIn(["ip", "-json", "neigh", "show", "dev", bridge])) || "[]") as readonly Neighbour[];
  const answered = neighbours.filter(
    ({ lladdr, state }) => lladdr === mac && !(state ?? []).some((word) => word === "FAILED" || word === "INCOMPLETE"),
  );
  const [link] = JSON.parse(await runIn(["ip", "-json", "-statistics", "link", "show", "dev", tap])) as readonly LinkStatistics[];
  return {
    answered: answered.map(({ dst }) => dst),
    // The tap's receive side is what its guest sent.
    packets: { fromGuest: link?.stats64?.rx.packets ?? 0, toGuest: link?.stats64?.tx.packets ?? 0 },
  };
}

/** Asks an address until it answers: false where it did not within `seconds`. */
export async function awaitAnswer(runIn: Run, address: string, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  for (let left = seconds; left > 0; left = (end - performance.now()) / 1000) {
    try {
      await runIn(["ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", String(Math.ceil(left)), address], { deadline: (left + 5) * 1000 });
      return true;
    } catch {
      // ping gives up when nobody is at the address yet: the guest may still be booting.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return false;
}
