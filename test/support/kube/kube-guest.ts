/** What runs in a launcher pod's compute container, in a pod of a lab's node: hooks as virt-launcher drives them, libvirt, QEMU. */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Attachment, Plan } from "@netbind/contract";
import { nicDomain, writeTapInterface } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain, domainName, ensureImage, guestCommand, State, stateDirectories } from "@netbind/local";
import { endProcesses, type ProcessId, exec, waitUntil } from "@netbind/netns";
import { consoleFiles, startConsole } from "../../../core/local/src/launcher/console.ts";
import { probeAccelerator } from "../../../core/local/src/launcher/kvm.ts";
import type { Launcher } from "../../../core/local/src/launcher/launcher.ts";
import { startLauncher } from "../../../core/local/src/launcher/libvirt.ts";
import { hypervisorNodes } from "../../../core/local/src/launcher/launcher-mounts.ts";
import { buildGoTool } from "../build/go-tools.ts";
import { isBooted } from "../guest/is-booted.ts";
import { type HookEvent, LAUNCHER_FAULTS } from "./hook-pod.ts";
import type { KubeNode } from "./kube-node.ts";
import { vmiObject, type PodNic } from "./kube-objects.ts";
import type { LabPod } from "./lab-pod.ts";

const USER = [
  "--reuid",
  "107",
  "--regid",
  "107",
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--no-new-privs",
];
/** Shows the pod's hook sockets in a place of their own, as the compute container has them, and drives them as its user. */
const IN_COMPUTE =
  'mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir /mnt/hooks && mount --bind "$0" /mnt/hooks && exec "$@"';

interface AgentRecord {
  readonly attached: readonly Attachment[];
  readonly nics: Readonly<Record<string, { readonly plan: Plan }>>;
}

export class KubeGuest implements AsyncDisposable {
  readonly #node: KubeNode;
  readonly #pod: LabPod;
  readonly #directory: string;
  #launcher: Launcher | undefined;
  #console: readonly ProcessId[] = [];

  constructor(node: KubeNode, pod: LabPod) {
    this.#node = node;
    this.#pod = pod;
    this.#directory = join(node.directory, "guests", pod.uid, "launcher");
  }

  /** Drives the pod's hooks: waits for the sockets, asks Info, has a domain defined thrice; shuts the sidecars down where told. */
  async hooks(domainXML: string, vmi: object, options: readonly string[] = []): Promise<readonly HookEvent[]> {
    const volume = `/var/lib/kubelet/pods/${this.#pod.uid}/volumes/kubernetes.io~empty-dir/hook-sidecar-sockets`;
    const client = join(this.#node.directory, "hook-client");
    const faults = join(this.#node.directory, "launcher-faults.json");
    if (!existsSync(client)) {
      copyFileSync(buildGoTool("hook-client"), client);
      copyFileSync(LAUNCHER_FAULTS, faults);
    }
    const argv = ["setpriv", ...USER, client, "-hooks", "/mnt/hooks", "-faults", faults, "-count", "1", ...options];
    const text = await this.#node.exec(["unshare", "--mount", "sh", "-c", IN_COMPUTE, volume, ...argv], {
      stdin: JSON.stringify({ domainXML, vmi }),
      deadline: 120_000,
    });
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as HookEvent);
  }

  /** Defines the domain as virt-launcher does and boots it: KubeVirt writes what is on a tap, hooks write the rest. */
  async boot(nics: readonly PodNic[]): Promise<readonly HookEvent[]> {
    const { cache } = new State(stateDirectories(process.env));
    const image = await ensureImage(exec, cache, () => undefined);
    const accelerator = await probeAccelerator(exec, image, cache);
    const shared = join(this.#directory, "../shared");
    mkdirSync(shared, { recursive: true });
    const netns = `/run/netns/${this.#pod.netns}`;
    const vmi = vmiObject(this.#pod.vm, nics) as unknown as Vmi;
    const record = this.#node.agent.record<AgentRecord>(this.#pod);
    const onTaps = record.attached.filter(({ name }) => record.nics[name]?.plan.domain.kind === "tap");
    const base = onTaps.reduce(
      (xml, attachment) => writeTapInterface(xml, nicDomain(attachment, "qemu")),
      buildBaseDomain({ vmi, accelerator, disks: [] }),
    );
    const events = await this.hooks(base, vmi);
    const defined = events.filter(({ event }) => event === "defined").at(-1);
    const spec = {
      netns,
      image,
      domain: domainName(vmi),
      hostname: this.#pod.name,
      shared,
      directory: this.#directory,
      pod: dirname(this.#directory),
      user: { uid: 107, gid: 107 },
      nodes: hypervisorNodes({ kvm: accelerator === "kvm", vhost: false }),
      disks: [],
    };
    this.#launcher = await startLauncher(exec, spec, () => undefined);
    const [console] = await Promise.all([
      startConsole({ netns, directory: this.#directory, launcher: this.#directory, user: spec.user, cache }),
      this.#launcher.create(String(defined?.["xml"] ?? "")),
    ]);
    this.#console = console;
    const log = consoleFiles(this.#directory).log;
    await waitUntil(() => isBooted(log), 90_000);
    return events;
  }

  /** Runs a command in the guest. */
  inGuest(command: string): Promise<string> {
    return guestCommand(consoleFiles(this.#directory).socket, command);
  }

  get runs(): boolean {
    return this.#launcher?.qemu() !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcesses([...this.#console, ...(this.#launcher?.processes ?? [])]);
  }
}
