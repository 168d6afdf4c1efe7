import { lstatSync, readdirSync } from "node:fs";
import { createConnection } from "node:net";
import { basename, join } from "node:path";
import type { Vmi } from "@netbind/engine";
import { type CloudInitPayload, connectHooks, HOOK_VERSIONS, type HooksClient, type HookVersion } from "@netbind/remote";
import { patient } from "@netbind/netns";
import { LauncherPanicError, withPlaceholders } from "./launcher-faults.ts";

const COLLECT_DEADLINE = 30_000;
const CONNECT_DEADLINE = 2000;
const TICK = 300;

/** A sidecar's hooks, found and asked. */
interface Sidecar {
  readonly socket: string;
  readonly client: HooksClient;
  readonly version: HookVersion;
  readonly points: ReadonlySet<string>;
}

/** KubeVirt's JSON of cloud-init data, as far as the launcher itself reads it. */
export interface HookedCloudInit {
  readonly UserData: string;
  readonly NetworkData: string;
  readonly NoCloudMetaData?: object;
  readonly ConfigDriveMetaData?: object;
}

/** Drives sidecars' hooks as KubeVirt's launcher does, with its faults (launcher-faults.json): a cluster has no other. */
export class HookManager implements AsyncDisposable {
  /** In the order in which they were found. */
  readonly #sidecars: Sidecar[];

  private constructor(sidecars: Sidecar[]) {
    this.#sidecars = sidecars;
  }

  /**
   * Waits until as many sockets have answered as there are sidecars. They are told apart by their base names alone, and every
   * file directly in a sidecar's directory is taken for one.
   *
   * @throws LauncherPanicError where they are not that many within the deadline
   */
  static async collect(hooks: string, count: number, deadline: number = COLLECT_DEADLINE): Promise<HookManager> {
    const found: Sidecar[] = [];
    const end = performance.now() + deadline;
    try {
      while (found.length < count) {
        await askNew(hooks, found);
        if (found.length >= count) break;
        if (performance.now() > end) throw uncollected(hooks, found.length, count, deadline);
        await new Promise((resolve) => setTimeout(resolve, TICK));
      }
    } catch (error) {
      for (const { client } of found) client.close();
      throw error;
    }
    return new HookManager(found);
  }

  /** The sidecars that answer now: none is waited for. */
  static async present(hooks: string): Promise<HookManager> {
    const manager = new HookManager([]);
    await askNew(hooks, manager.#sidecars);
    return manager;
  }

  /** What every subscriber makes of a domain, one after the other. */
  async onDefineDomain(domainXml: string, vmi: object): Promise<string> {
    const json = Buffer.from(JSON.stringify(vmi));
    let xml: Uint8Array = Buffer.from(domainXml, "utf8");
    for (const { client, version } of this.#subscribers("OnDefineDomain")) xml = await client.onDefineDomain(version, xml, json);
    return Buffer.from(xml).toString("utf8");
  }

  /**
   * What the first subscriber makes of cloud-init's data. `data` is undefined where no volume is of cloud-init.
   *
   * @throws LauncherPanicError where there is no data and somebody subscribed
   */
  async preCloudInitIso<T extends HookedCloudInit>(data: T | undefined, vmi: object): Promise<T | undefined> {
    const first = this.#subscribers("PreCloudInitIso").find(({ version }) => version !== "v1alpha1");
    if (first === undefined) return data;
    const { client, version, socket } = first;
    if (data === undefined) {
      const problem = `sidecar socket "${basename(socket)}" subscribes to PreCloudInitIso, and the VM has no cloud-init volume`;
      throw new LauncherPanicError("nil-cloud-init", problem);
    }
    const legacy = { userData: data.UserData, networkData: data.NetworkData };
    const payload = { cloudInitData: toJson(data), cloudInitNoCloudSource: toJson(legacy) };
    const answer = await client.preCloudInitIso(version, payload, toJson(vmi));
    return answer === null ? data : readAnswer(data, answer);
  }

  /** Tells the sidecars that the VM is over, until one does not answer. Those are ended by their processes. */
  async shutdown(): Promise<void> {
    for (const { client, version } of this.#subscribers("Shutdown").filter((one) => one.version === "v1alpha3"))
      await client.shutdown(version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#sidecars) client.close();
  }

  #subscribers(point: string): readonly Sidecar[] {
    return this.#sidecars.filter(({ points }) => points.has(point));
  }
}

/**
 * The domain of a VM that boots, after its sidecars' hooks. They are asked thrice: about the domain with placeholders, about
 * the one without, and about the answer to that.
 */
export async function defineBootDomain(before: string, vmi: Pick<Vmi, "spec">, hooks: HookManager): Promise<string> {
  const interfaces = (vmi.spec.domain.devices.interfaces ?? []).filter(({ state }) => state !== "absent").length;
  await hooks.onDefineDomain(withPlaceholders(before, interfaces), vmi);
  return await hooks.onDefineDomain(await hooks.onDefineDomain(before, vmi), vmi);
}

const toJson = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** The new field where it holds user data and one kind of meta data, else the old one over what was sent. */
function readAnswer<T extends HookedCloudInit>(sent: T, { cloudInitData, cloudInitNoCloudSource }: CloudInitPayload): T {
  const parse = (bytes: Uint8Array): Record<string, unknown> | undefined => {
    try {
      return JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  };
  const answered = parse(cloudInitData) as Partial<HookedCloudInit> | undefined;
  const kinds = [answered?.NoCloudMetaData, answered?.ConfigDriveMetaData].filter((kind) => kind !== undefined && kind !== null);
  if (answered?.UserData && kinds.length === 1) return answered as T;
  const old = parse(cloudInitNoCloudSource);
  if (old === undefined) throw new Error("a sidecar answered PreCloudInitIso with what is not cloud-init data");
  return { ...sent, UserData: String(old["userData"] ?? ""), NetworkData: String(old["networkData"] ?? "") };
}

/** One round: asks the sockets that accept, and whose base name is a new one. */
async function askNew(hooks: string, found: Sidecar[]): Promise<void> {
  for (const socket of hookFiles(hooks)) {
    if (found.some((one) => basename(one.socket) === basename(socket)) || !(await isAccepting(socket))) continue;
    found.push(await ask(socket));
  }
}

/** The hook sockets of a pod's sidecars. */
export const findSockets = (hooks: string): readonly string[] => hookFiles(hooks).filter(isSocket);

const isSocket = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;

/** The files directly in each sidecar's directory, in the order of their names; deeper directories are the sidecars' own. */
function hookFiles(hooks: string): readonly string[] {
  const entries = (directory: string, wanted: "directories" | "files"): readonly string[] => {
    try {
      return readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() === (wanted === "directories"))
        .map(({ name }) => name)
        .sort();
    } catch {
      return [];
    }
  };
  return entries(hooks, "directories").flatMap((container) =>
    entries(join(hooks, container), "files").map((name) => join(hooks, container, name)),
  );
}

/** True where somebody accepts on a socket; a file or a link in its place never does, nor does a socket of the dead. */
function isAccepting(path: string): Promise<boolean> {
  if (!isSocket(path)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const connection = createConnection(path);
    const end = (accepts: boolean): void => {
      connection.destroy();
      resolve(accepts);
    };
    connection.setTimeout(CONNECT_DEADLINE, () => end(false));
    connection.once("connect", () => end(true));
    connection.once("error", () => end(false));
  });
}

/** Why sidecars are missing: a socket of a name that was asked already is never asked. */
function uncollected(hooks: string, found: number, count: number, deadline: number): Error {
  const names = findSockets(hooks).map((path) => basename(path));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  const said = `${found} of ${count} sidecars were collected in ${deadline} ms`;
  return twice === undefined
    ? new Error(`${said}: the others showed no hook socket`)
    : new LauncherPanicError("base-names", `${said}: two of them have a socket "${twice}"`);
}

async function ask(socket: string): Promise<Sidecar> {
  const client = connectHooks(socket, patient(1));
  try {
    const { name, versions, hookPoints } = await client.info();
    const version = HOOK_VERSIONS.find((candidate) => versions.includes(candidate));
    if (version === undefined)
      throw new Error(
        `sidecar "${name}" speaks hooks ${versions.join(", ") || "of no version"}, and ${HOOK_VERSIONS.join(", ")} are known`,
      );
    return { socket, client, version, points: new Set(hookPoints.map((point) => point.name)) };
  } catch (error) {
    client.close();
    throw error;
  }
}
