/** The container runtime of a lab's node: crun, with a root file system of the sidecars' images. */
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Exec } from "@netbind/netns";
import { type ContainerRequest, containerSpec, podCgroup } from "./kube-container.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** The directories that a container's root has, for what is mounted in it. */
const MOUNT_POINTS = ["usr", "proc", "dev", "sys", "tmp", "etc", "netbind", "var/run/kubevirt-hooks", "run"] as const;
const RESOLV_CONF = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n";

/** Makes a container's root file system without any program. */
export function makeContainerRoot(rootfs: string): void {
  for (const path of MOUNT_POINTS) mkdirSync(join(rootfs, path), { recursive: true });
  writeFileSync(join(rootfs, "etc/resolv.conf"), "");
}

/** Of which pod a container is. */
export interface ContainerPod {
  readonly uid: string;
  /** The name of its network namespace. */
  readonly netns: string;
  /** Its volume of hook sockets, on the node. */
  readonly volume: string;
}

/** Starts and ends containers on a node. */
export class KubeRuntime {
  readonly #directory: string;
  readonly #run: Exec;
  readonly #hasCgroups: boolean;

  /** `run`: runs a command among the node's mounts. */
  constructor(directory: string, exec: Exec, hasCgroups: boolean) {
    this.#directory = directory;
    this.#run = exec;
    this.#hasCgroups = hasCgroups;
    this.#makeRootfs();
  }

  get rootfs(): string {
    return join(this.#directory, "rootfs");
  }

  /** The files of a sidecar's image: a runtime, its bundle, and what both need of the machine. */
  #makeRootfs(): void {
    makeContainerRoot(this.rootfs);
    for (const name of ["lib", "lib64", "bin"]) symlinkSync(`usr/${name}`, join(this.rootfs, name));
    copyFileSync(process.execPath, join(this.rootfs, "netbind/node"));
    for (const file of readdirSync(join(ROOT, "sidecars/dist")).filter((name) => name.endsWith(".mjs")))
      copyFileSync(join(ROOT, "sidecars/dist", file), join(this.rootfs, "netbind", file));
  }

  /** Starts a container of a pod, and gives its id. */
  async start({ uid, netns, volume }: ContainerPod, what: ContainerRequest): Promise<string> {
    const id = `${uid}-${what.name}-${randomBytes(2).toString("hex")}`;
    const bundle = join(this.#directory, "bundles", id);
    mkdirSync(bundle, { recursive: true });
    const resolv = join(this.#directory, `resolv-${uid}`);
    writeFileSync(resolv, RESOLV_CONF);
    const spec = containerSpec({
      ...what,
      rootfs: what.rootfs ?? this.rootfs,
      hasMachine: what.rootfs === undefined,
      resolv,
      hooks: `${volume}${what.subPath}`,
      ...(what.inPodNetwork ? { netns: `/run/netns/${netns}` } : {}),
      ...(this.#hasCgroups ? { cgroup: join(podCgroup(uid), `cri-containerd-${id}.scope`) } : {}),
    });
    writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
    await this.#crun(["run", "--detach", "--bundle", bundle, id]);
    return id;
  }

  /** Ends a container as the kubelet does, whatever it is doing. */
  async end(id: string): Promise<void> {
    await this.#crun(["delete", "--force", id]);
    rmSync(join(this.#directory, "bundles", id), { recursive: true });
  }

  async #crun(args: readonly string[]): Promise<string> {
    // A container's output is a file's: a pipe would end with this command.
    const log = join(this.#directory, "containers.log");
    return this.#run([
      "sh",
      "-c",
      'log="$1"; shift; exec crun --root "$@" </dev/null >>"$log" 2>&1',
      "crun",
      log,
      join(this.#directory, "crun"),
      `--cgroup-manager=${this.#hasCgroups ? "cgroupfs" : "disabled"}`,
      ...args,
    ]);
  }

  /** The main process of a container. */
  async pid(id: string): Promise<number> {
    const state = JSON.parse(await this.#run(["crun", "--root", join(this.#directory, "crun"), "state", id])) as {
      readonly pid: number;
    };
    return state.pid;
  }
}
