import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { HeldProcess, type ProcessId } from "@netbind/netns";
import { missingSidecarProcess, nodesNamespace } from "../errors.ts";
import { isOf, type PodTraits } from "./pod-process.ts";

/** The identity of a network namespace in the kernel. */
export interface NamespaceId {
  readonly dev: number;
  readonly ino: number;
}

/** Identifies a namespace by a path of it: `/proc/1/ns/net`. */
export const namespaceId = (path: string): NamespaceId => {
  const { dev, ino } = statSync(path);
  return { dev, ino };
};

export const isSameNamespace = (a: NamespaceId, b: NamespaceId): boolean => a.dev === b.dev && a.ino === b.ino;

/** A pod's network namespace, opened once: whatever becomes of the pod's processes, all that is done is done in this one. */
export class PodNamespace implements Disposable {
  readonly #descriptor: number;
  readonly id: NamespaceId;

  private constructor(descriptor: number, id: NamespaceId) {
    this.#descriptor = descriptor;
    this.id = id;
  }

  /**
   * Opens the namespace of a pod's process, which is held and looked at again first. `forbidden` are the node's own namespaces.
   *
   * @throws NotReadyError where the process ended meanwhile, PodProcessError where the namespace is the node's
   */
  static open(pod: ProcessId, traits: PodTraits, forbidden: readonly NamespaceId[]): PodNamespace {
    using held = HeldProcess.of(pod);
    if (held === undefined) throw missingSidecarProcess("the sidecar's process ended");
    let descriptor: number;
    try {
      descriptor = openSync(`${held.path}/ns/net`, constants.O_RDONLY);
    } catch (error) {
      throw missingSidecarProcess(`the sidecar's process ended: ${(error as Error).message}`);
    }
    try {
      const { dev, ino } = fstatSync(descriptor);
      if (!isOf(held, traits)) throw missingSidecarProcess("the sidecar's process ended while the agent inspected it");
      if (forbidden.some((id) => isSameNamespace(id, { dev, ino }))) throw nodesNamespace();
      return new PodNamespace(descriptor, { dev, ino });
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Where children of this process find the namespace while it is open. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#descriptor}`;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
