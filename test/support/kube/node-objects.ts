/** The objects that a lab's agent reads instead of an API server's, a file each. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type KubeObject, kubevirtObject, type PodNic, vmiObject } from "./kube-objects.ts";
import type { LabPod } from "./lab-pod.ts";

/** The name of a lab's node. */
export const NODE = "node-1";

/** A JSON file that is there whole or not at all. */
function writeWhole(file: string, content: unknown): void {
  writeFileSync(`${file}.next`, JSON.stringify(content));
  renameSync(`${file}.next`, file);
}

const read = (file: string): KubeObject => JSON.parse(readFileSync(file, "utf8")) as KubeObject;
const podFile = (uid: string): string => `pod-${uid}.json`;
/** A pod that exists on the node and that the API does not list. */
const hiddenFile = (uid: string): string => `pod-${uid}.hidden`;

export class NodeObjects {
  readonly directory: string;

  /** Makes the directory, with the KubeVirt CR in it. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory);
    this.write("kubevirt.json", kubevirtObject());
  }

  #file(name: string): string {
    return join(this.directory, name);
  }

  /** Puts an object there, or another in its place. */
  write(name: string, object: KubeObject): void {
    writeWhole(this.#file(name), object);
  }

  /** Changes the object of a VMI or pod as an API server would hold it. */
  edit(name: string, change: (object: KubeObject) => void): void {
    const object = read(this.#file(name));
    change(object);
    this.write(name, object);
  }

  /** Puts a pod's object there; the API lists it at once, or when `list` is called. */
  addPod(uid: string, object: KubeObject, listed: boolean): void {
    this.write(listed ? podFile(uid) : hiddenFile(uid), object);
  }

  /** Lets the API list a pod that was made without that. */
  list({ uid }: LabPod): void {
    renameSync(this.#file(hiddenFile(uid)), this.#file(podFile(uid)));
  }

  removePod({ uid }: LabPod): void {
    for (const name of [podFile(uid), hiddenFile(uid)]) rmSync(this.#file(name), { force: true });
  }

  /** Lists a pod in its VMI's status, as virt-controller does; makes the VMI where it is not there yet. */
  activate({ vm, uid }: LabPod, nics: readonly PodNic[]): void {
    const name = `vmi-${vm}.json`;
    const vmi = existsSync(this.#file(name)) ? read(this.#file(name)) : vmiObject(vm, nics);
    const status = (vmi["status"] ?? {}) as { activePods?: Record<string, string> };
    this.write(name, { ...vmi, status: { ...status, activePods: { ...status.activePods, [uid]: NODE } } });
  }
}
