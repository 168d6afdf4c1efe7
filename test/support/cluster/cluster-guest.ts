/** Plays virt-handler for one VM whose pod an agent attached: has its launcher define, boot and end a domain. */
import { COMMON_MACHINE, domainNics, writeTapInterface } from "@netbind/domain";
import {
  domainAttachments,
  type DomainLink,
  interfacesOf,
  type KubevirtConfiguration,
  networkOf,
  nicBeforePod,
  nicOnTap,
  type Vmi,
} from "@netbind/kubevirt";
import { interfacesOfRunning } from "@netbind/kubevirt/status";
import { buildBaseDomain } from "@netbind/local";
import type { InNode } from "./in-node.ts";
import { LauncherVolume } from "./launcher-volume.ts";
import type { ScheduledVm } from "./virt-controller.ts";
import type { PodObject } from "./vm-objects.ts";

interface HookEvent {
  readonly event: string;
  readonly xml?: string;
}
interface IpLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
}

const podAddresses = ({ status }: PodObject): readonly string[] => status.podIPs?.map(({ ip }) => ip) ?? [];

/** A VM's domain, in one pod of the VM's. */
export class ClusterGuest {
  readonly launcher: LauncherVolume;
  readonly #vm: ScheduledVm;

  constructor(node: InNode, vm: ScheduledVm) {
    this.launcher = new LauncherVolume(node, vm.pod);
    this.#vm = vm;
  }

  async #links(): Promise<readonly DomainLink[]> {
    const links = JSON.parse(await this.launcher.exec(["ip", "-json", "link", "show"])) as readonly IpLink[];
    return links.map(({ ifname, address, mtu }) => ({ name: ifname, mac: address, mtu }));
  }

  /** The domain without what the hooks write, as KubeVirt's converter gives it to the launcher. */
  async #baseDomain(vmi: Vmi, configuration: KubevirtConfiguration): Promise<string> {
    const links = await this.#links();
    const attachments = domainAttachments(vmi, configuration);
    const nics = interfacesOf(vmi).flatMap((nic) => {
      const network = networkOf(vmi, nic.name);
      if (network === undefined || !attachments.has(nic.name)) return [];
      // No container here has the device of vhost.
      const before = { ...nicBeforePod(vmi, nic, COMMON_MACHINE), backend: "qemu" as const };
      const onTap = nicOnTap(before, vmi, network, links);
      if (onTap === undefined) throw new Error(`NIC "${nic.name}" has no link in its pod: ${JSON.stringify(links)}`);
      return [onTap];
    });
    return nics.reduce(writeTapInterface, buildBaseDomain({ vmi, accelerator: "tcg", disks: [] }));
  }

  /**
   * Has the launcher ask the hooks what they make of the domain: once where its guest comes from elsewhere (`target`).
   * Gives what it asked and heard, and the domain.
   */
  async define(
    configuration: KubevirtConfiguration,
    target = false,
  ): Promise<{ readonly events: readonly HookEvent[]; readonly xml: string }> {
    await this.launcher.awaitHooks();
    const vmi = await this.#vm.objects.vmi();
    const domainXML = await this.#baseDomain(vmi, configuration);
    this.launcher.write("sync.json", JSON.stringify({ domainXML, vmi, target }));
    const lines = (await this.launcher.read("events.jsonl", "the launcher's word of its hooks")).trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as HookEvent);
    const xml = events.findLast(({ event }) => event === "defined")?.xml;
    if (xml === undefined && this.#sidecars > 0) throw new Error(`the hooks defined no domain:\n${lines.join("\n")}`);
    return { events, xml: xml ?? domainXML };
  }

  get #sidecars(): number {
    const { containerStatuses = [] } = this.#vm.pod.status;
    return containerStatuses.filter(({ name }) => name.startsWith("hook-sidecar-")).length;
  }

  /** Has the launcher define and boot the domain, and says so in the VMI. Gives what the launcher asked and heard. */
  async boot(configuration: KubevirtConfiguration): Promise<readonly HookEvent[]> {
    const { events, xml } = await this.define(configuration);
    this.launcher.write("domain.xml", xml);
    await this.launcher.read("started", "the start of the domain");
    const { objects, pod } = this.#vm;
    const vmi = await objects.vmi();
    const addresses = new Map(interfacesOf(vmi).flatMap(({ name }) => this.#podAddresses(vmi, name, pod)));
    const interfaces = interfacesOfRunning(vmi, { domain: domainNics(xml), podAddresses: addresses });
    await objects.setPhase("Running", { interfaces });
    return events;
  }

  #podAddresses(vmi: Vmi, name: string, pod: PodObject): readonly (readonly [string, readonly string[]])[] {
    return networkOf(vmi, name)?.pod === undefined ? [] : [[name, podAddresses(pod)]];
  }

  /** Has the launcher end its guest, and says so in the VMI. */
  async end(): Promise<void> {
    this.launcher.write("shutdown", "");
    await this.launcher.read("stopped", "the end of the domain");
    await this.#vm.objects.setPhase("Succeeded");
  }

  inGuest(command: string): Promise<string> {
    return this.launcher.inGuest(command);
  }
}
