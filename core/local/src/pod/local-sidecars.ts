import { join } from "node:path";
import { BindingError, defined } from "@netbind/contract";
import type { NicPlanner } from "@netbind/engine";
import type { ResolvedBinding } from "@netbind/kubevirt";
import { endProcesses, type Exec, processesLoggingTo, scaledTimeout } from "@netbind/netns";
import { attachPodSidecar, processesOf, shuffled } from "@netbind/pod";
import { connectBinding } from "@netbind/remote/binding";
import type { SidecarLocation } from "@netbind/remote/sidecar";
import { vmUserOf } from "../launcher/vm-user.ts";
import { netnsPath } from "../node/node-netns.ts";
import type { LocalRecordFile } from "../record/local-pod-record.ts";
import type { State } from "../record/state.ts";
import { answersAsBinding, type NewSidecar, type SidecarSpec } from "./sidecar-files.ts";
import { containerName, holdAttachSocket, removeSockets, sidecarLocation, sidecarLog } from "./sidecar-paths.ts";
import { startSidecar } from "./sidecar-process.ts";
import { writableDirectory } from "./writable.ts";
import { noSidecar, silentSidecar, unnamedBundle } from "../errors.ts";

/** What a pod's sidecars are run with. */
export interface LocalSidecarParts {
  readonly state: State;
  readonly exec: Exec;
  readonly recordFile: LocalRecordFile;
  /** Makes sidecars that are not in the record yet. */
  readonly newSidecar?: NewSidecar;
  /** Numbers from 0 up to 1, which order the pod's sidecars. Absent: other ones each time. */
  readonly random?: () => number;
}

const roleOf = (binding: string): string => `sidecar ${binding}`;

/** The sidecars of one pod of this machine: a process for each binding that has an image. */
export class LocalSidecars {
  readonly #parts: LocalSidecarParts;

  constructor(parts: LocalSidecarParts) {
    this.#parts = parts;
  }

  get #directory(): string {
    const { state, recordFile } = this.#parts;
    return state.podDirectory(recordFile.record.id);
  }

  /** The recorded sidecar of a binding; undefined where it has none. */
  #find(binding: string): SidecarSpec | undefined {
    return this.#parts.recordFile.record.sidecars?.[binding];
  }

  #locationOf({ container }: SidecarSpec): SidecarLocation {
    const { state, recordFile } = this.#parts;
    return sidecarLocation(writableDirectory(state, recordFile.record), container, vmUserOf(recordFile.record));
  }

  /** Starts the sidecars of a pod, in another order each time, as KubeVirt numbers them. */
  async startAll(bindings: readonly ResolvedBinding[]): Promise<void> {
    const { newSidecar, random = Math.random } = this.#parts;
    const names = bindings.filter(({ image }) => image !== undefined).map(({ name }) => name);
    const recorded = new Map(names.map((name) => [name, this.#find(name)]));
    for (const [at, name] of shuffled(names, random).entries()) {
      const known = recorded.get(name);
      const container = containerName(at);
      const spec = known ?? newSidecar?.(name, container);
      if (spec === undefined) throw unnamedBundle(name);
      await this.#start(name, { ...spec, container });
    }
  }

  async #start(binding: string, spec: SidecarSpec): Promise<void> {
    const { state, recordFile } = this.#parts;
    recordFile.update({ sidecars: { ...recordFile.record.sidecars, [binding]: spec } });
    const { record } = recordFile;
    const { cgroup } = record;
    const home = defined({
      netns: netnsPath(record.netns),
      podDirectory: this.#directory,
      writable: writableDirectory(state, record),
      user: vmUserOf(record),
      cache: state.cache,
      cgroup: cgroup && join(cgroup, spec.container),
    });
    await startSidecar(binding, spec, home, (processes) => recordFile.setProcesses(roleOf(binding), processes));
  }

  /** Ends what is left of a binding's sidecar, starts it again from the record, and hands it the NICs that it had. */
  async restart(binding: string): Promise<void> {
    const { exec, recordFile } = this.#parts;
    const spec = this.#find(binding);
    if (spec === undefined) return;
    const logging = processesLoggingTo(sidecarLog(this.#directory, spec.container));
    await endProcesses([...processesOf(recordFile.record, roleOf(binding)), ...logging]);
    await removeSockets(exec, vmUserOf(recordFile.record), this.#locationOf(spec));
    await this.#start(binding, spec);
    await this.attach(binding);
  }

  /** Hands a binding's sidecar, where it has one, the NICs that are recorded now. */
  async attach(binding: string): Promise<void> {
    const spec = this.#find(binding);
    const { record } = this.#parts.recordFile;
    if (spec === undefined) return;
    const location = this.#locationOf(spec);
    await attachPodSidecar({ location, binding, vm: record, record }).catch((error: unknown) => {
      // What it answers says of whom it is; that nothing answers does not.
      if (!BindingError.is(error) || error.code !== "UNAVAILABLE") throw error;
      throw silentSidecar(binding, "image" in spec ? spec.image : undefined, error);
    });
  }

  /** True where a binding has a sidecar that plans. */
  plans(binding: string): boolean {
    return answersAsBinding(this.#find(binding));
  }

  /** Asks a binding's sidecar for plans. @throws BindingError UNAVAILABLE where the binding has none */
  planner(binding: string): NicPlanner {
    const spec = this.#find(binding);
    if (spec === undefined) throw noSidecar(binding);
    return {
      plan: async (attachment) => {
        using socket = holdAttachSocket(this.#locationOf(spec));
        const client = connectBinding(socket.path, scaledTimeout(1));
        try {
          return await client.plan(attachment);
        } finally {
          client.close();
        }
      },
    };
  }
}
