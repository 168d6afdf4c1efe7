import { type DomainNic, domainNics } from "@netbind/domain";
import { type Exec, waitUntil } from "@netbind/netns";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { domainName } from "../launcher/base-domain.ts";
import type { Launcher } from "../launcher/launcher.ts";
import { launcherOf } from "../launcher/launcher-of.ts";

const LOOK_AGAIN = 200;

/** The running domain of a VM: its NICs come, go, and change their link. */
export class LiveDomain {
  readonly #launcher: Launcher;
  readonly #domain: string;

  constructor(exec: Exec, record: LocalPodRecord) {
    this.#launcher = launcherOf(exec, record);
    this.#domain = domainName(record.vmi);
  }

  /** Its NICs as they are now. @throws LibvirtError */
  async nics(): Promise<readonly DomainNic[]> {
    return domainNics(await this.#launcher.virsh(["dumpxml", this.#domain]));
  }

  async attach(nic: DomainNic): Promise<void> {
    await this.#launcher.changeDevice("attach", this.#domain, nic.xml);
  }

  async setLink({ mac, linkDown }: DomainNic): Promise<void> {
    await this.#launcher.virsh(["domif-setlink", this.#domain, mac, linkDown ? "down" : "up"]);
  }

  /** Asks the guest to let a NIC go, and waits: false where it did not within `deadline` milliseconds. */
  async detach(name: string, deadline: number): Promise<boolean> {
    const observed = (await this.nics()).find((nic) => nic.name === name);
    if (observed === undefined) return true;
    // Asked before, and not answered yet: libvirt refuses to ask again, and the guest's answer is waited for all the same.
    await this.#launcher.changeDevice("detach", this.#domain, observed.xml).catch(() => undefined);
    return waitUntil(async () => !(await this.nics()).some((nic) => nic.name === name), deadline, LOOK_AGAIN);
  }
}
