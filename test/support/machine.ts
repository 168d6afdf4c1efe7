import { readdirSync, readFileSync } from "node:fs";
import { run } from "@netbind/netns";

/** What a test must leave as it found it. */
export interface MachineState {
  readonly netns: readonly string[];
  readonly links: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
}

/** Programs that are started for VMs. */
const OURS = /^(bwrap|dnsmasq|libvirtd|virtlogd|qemu-system|passt|flock|nsenter)/;

/** Looks at what runs, is mounted and is linked on the machine. */
export async function machineState(): Promise<MachineState> {
  const links = JSON.parse(await run(["ip", "-json", "link", "show"])) as readonly { readonly ifname: string }[];
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
        // A process of ours under another name has a path of the state directory among its arguments.
        const ours = OURS.test(name) || readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/run/netbind");
        const zombie = /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
        return ours && !zombie ? [`${name} ${pid}`] : [];
      } catch {
        return [];
      }
    });
  return {
    netns: (await run(["ip", "netns", "list"]))
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "")
      .filter((name) => name !== "")
      .sort(),
    links: links.map(({ ifname }) => ifname).sort(),
    mounts: readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => !line.includes("/run/netns"))
      .sort(),
    processes: processes.sort(),
  };
}
