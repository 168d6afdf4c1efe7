import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { connectHooks, HOOK_VERSIONS, type HooksClient, type HookVersion } from "@netbind/remote";
import { patient, waitUntil } from "@netbind/netns";

const COLLECT_DEADLINE = 30_000;

/** A sidecar's hooks, found and asked. */
interface Sidecar {
  readonly socket: string;
  readonly client: HooksClient;
  readonly version: HookVersion;
  /** Priority by hook point. */
  readonly points: ReadonlyMap<string, number>;
}

/**
 * Drives sidecars' hooks as KubeVirt's launcher does, with what its documentation means: sockets are told apart by their
 * whole path, the order is by priority and then by path, and every subscriber of a hook is called.
 */
export class HookManager implements AsyncDisposable {
  readonly #sidecars: readonly Sidecar[];

  private constructor(sidecars: readonly Sidecar[]) {
    this.#sidecars = sidecars;
  }

  /** Waits until as many sockets as there are sidecars stand in the directories below `hooks`, and asks each for its hooks. */
  static async collect(hooks: string, count: number): Promise<HookManager> {
    let sockets: readonly string[] = [];
    const complete = await waitUntil(() => {
      sockets = count === 0 ? [] : findSockets(hooks);
      return sockets.length >= count;
    }, COLLECT_DEADLINE);
    if (!complete) throw new Error(`${sockets.length} of ${count} sidecars showed their hook socket in ${COLLECT_DEADLINE} ms`);
    return new HookManager(await Promise.all(sockets.map(ask)));
  }

  /** What every subscriber makes of a domain, one after the other. */
  async onDefineDomain(domainXml: string, vmi: object): Promise<string> {
    const json = Buffer.from(JSON.stringify(vmi));
    let xml: Uint8Array = Buffer.from(domainXml, "utf8");
    for (const { client, version } of this.#subscribers("OnDefineDomain")) xml = await client.onDefineDomain(version, xml, json);
    return Buffer.from(xml).toString("utf8");
  }

  /** What every subscriber makes of cloud-init's data. */
  async preCloudInitIso<T extends object>(data: T, vmi: object): Promise<T> {
    const json = Buffer.from(JSON.stringify(vmi));
    let current: Uint8Array = Buffer.from(JSON.stringify(data));
    for (const { client, version } of this.#subscribers("PreCloudInitIso"))
      current = (await client.preCloudInitIso(version, current, json)) ?? current;
    return JSON.parse(Buffer.from(current).toString("utf8")) as T;
  }

  /** Tells every sidecar that the VM is over. One that does not answer is ended by its processes. */
  async shutdown(): Promise<void> {
    await Promise.all(this.#subscribers("Shutdown").map(({ client, version }) => client.shutdown(version).catch(() => undefined)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#sidecars) client.close();
  }

  #subscribers(point: string): readonly Sidecar[] {
    const priority = (sidecar: Sidecar): number => sidecar.points.get(point) ?? 0;
    return this.#sidecars
      .filter(({ points }) => points.has(point))
      .sort((a, b) => priority(b) - priority(a) || a.socket.localeCompare(b.socket));
  }
}

/** The sockets directly in each sidecar's directory; deeper directories are the sidecars' own. */
export function findSockets(hooks: string): readonly string[] {
  const entries = (directory: string): readonly string[] => {
    try {
      return readdirSync(directory).sort();
    } catch {
      return [];
    }
  };
  return entries(hooks)
    .flatMap((container) => entries(join(hooks, container)).map((name) => join(hooks, container, name)))
    .filter((path) => lstatSync(path).isSocket());
}

async function ask(socket: string): Promise<Sidecar> {
  const client = connectHooks(socket, patient(1));
  const { name, versions, hookPoints } = await client.info();
  const version = HOOK_VERSIONS.find((candidate) => versions.includes(candidate));
  if (version === undefined)
    throw new Error(`sidecar "${name}" speaks hooks ${versions.join(", ") || "of no version"}, and ${HOOK_VERSIONS.join(", ")} are known`);
  return { socket, client, version, points: new Map(hookPoints.map((point) => [point.name, point.priority])) };
}
