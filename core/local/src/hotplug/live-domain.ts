import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DomainNic, domainNics } from "@netbind/engine";
import { derivedName, type Run, waitUntil } from "@netbind/netns";
import type { VmRecord } from "../journal.ts";
import { domainName } from "../launcher/base-domain.ts";
import { launcherOf } from "../launcher/launcher-of.ts";
import type { Launcher } from "../launcher/libvirt.ts";
import type { State } from "../state.ts";

const LOOK_AGAIN = 200;

/** The running domain of a VM: its NICs come, go, and change their link. */
export class LiveDomain {
  readonly #state: State;
  readonly #record: VmRecord;
  readonly #launcher: Launcher;
  readonly #domain: string;

  constructor(state: State, run: Run, record: VmRecord) {
    this.#state = state;
    this.#record = record;
    this.#launcher = launcherOf(run, record);
    this.#domain = domainName(record.vmi);
  }

  /** Its NICs as they are now. @throws LibvirtError */
  async nics(): Promise<readonly DomainNic[]> {
    return domainNics(await this.#launcher.virsh(["dumpxml", this.#domain]));
  }

  /** Writes a NIC's element where libvirt reads it, and gives the path that libvirt reads it by. */
  #write({ name, xml }: DomainNic): string {
    const file = derivedName("nic", { text: name }, ".xml");
    writeFileSync(join(this.#state.vm(this.#record.id), "launcher", file), xml, { mode: 0o644 });
    return `/netbind/${file}`;
  }

  async attach(nic: DomainNic): Promise<void> {
    await this.#launcher.virsh(["attach-device", this.#domain, this.#write(nic), "--live"]);
  }

  async setLink({ mac, linkDown }: DomainNic): Promise<void> {
    await this.#launcher.virsh(["domif-setlink", this.#domain, mac, linkDown ? "down" : "up"]);
  }

  /** Asks the guest to let a NIC go, and waits: false where it did not within `deadline` milliseconds. */
  async detach(name: string, deadline: number): Promise<boolean> {
    const there = (await this.nics()).find((nic) => nic.name === name);
    if (there === undefined) return true;
    // Asked before, and not answered yet: libvirt refuses to ask again, and the guest's answer is waited for all the same.
    await this.#launcher.virsh(["detach-device", this.#domain, this.#write(there), "--live"]).catch(() => undefined);
    return waitUntil(async () => !(await this.nics()).some((nic) => nic.name === name), deadline, LOOK_AGAIN);
  }
}
