import type { Vmi } from "@netbind/kubevirt";
import { interfacesOf } from "@netbind/kubevirt";
import { scaledTimeout } from "@netbind/netns";
import {
  connectHooks,
  type HeldSocket,
  HOOK_VERSIONS,
  type HooksClient,
  type HookVersion,
} from "@netbind/remote/sidecar";
import { excerpt, type ExpectedSidecar, requireDomain, SAME_RUNTIME } from "./hook-domain.ts";
import { type HookedCloudInit, readAnswer } from "./hook-cloud-init.ts";
import {
  type HookLocation,
  holdHookSocket,
  isAccepting,
  type PodSidecar,
  refusedSidecar,
  refuseOtherDirectories,
  sidecarName,
} from "./hook-sockets.ts";
import { LauncherPanicError, withPlaceholders } from "./launcher-faults.ts";

/** How long a pod's sidecars may take together, in milliseconds: to show their sockets, and for each round of a hook. */
export interface HookDeadlines {
  readonly collect: number;
  readonly round: number;
}

const DEADLINES: HookDeadlines = { collect: 30_000, round: 60_000 };
const SHUTDOWN_DEADLINE = 10_000;
const TICK = 300;
const NOT_SUBSCRIBED = "does not subscribe to OnDefineDomain, and its plan changes the domain";

/** A sidecar's hooks, found and asked. */
interface Sidecar<S extends PodSidecar = PodSidecar> extends Disposable {
  readonly recorded: S;
  /** The name of its socket. */
  readonly socket: string;
  readonly client: HooksClient;
  readonly version: HookVersion;
  readonly points: ReadonlySet<string>;
}

/** Milliseconds until a moment that can be put off. */
class Deadline {
  #end: number;

  constructor(ms: number) {
    this.#end = performance.now() + scaledTimeout(ms);
  }

  restart(ms: number): void {
    this.#end = performance.now() + scaledTimeout(ms);
  }

  get left(): number {
    return this.#end - performance.now();
  }
}

/**
 * Drives sidecars' hooks as KubeVirt's launcher does, with its faults (launcher-faults.json): a cluster has no other. What they
 * answer is not believed: a domain must be the one that the plan makes.
 */
export class HookManager implements AsyncDisposable {
  /** In the order in which they were found. */
  readonly #sidecars: readonly Sidecar<ExpectedSidecar>[];
  readonly #deadline: Deadline;
  readonly #round: number;

  private constructor(sidecars: readonly Sidecar<ExpectedSidecar>[], deadline: Deadline, round: number) {
    this.#sidecars = sidecars;
    this.#deadline = deadline;
    this.#round = round;
  }

  /**
   * Waits until a socket of each sidecar has answered. Only their base names distinguish them.
   *
   * @throws LauncherPanicError where two of them have the same name, BindingError where one shows what it may not
   */
  static async collect(
    place: HookLocation,
    sidecars: readonly ExpectedSidecar[],
    { collect, round }: HookDeadlines = DEADLINES,
  ): Promise<HookManager> {
    const found: Sidecar<ExpectedSidecar>[] = [];
    const deadline = new Deadline(collect);
    if (sidecars.length > 0) refuseOtherDirectories(place, sidecars);
    try {
      while (found.length < sidecars.length) {
        await askNew(place, sidecars, found, deadline);
        if (found.length >= sidecars.length) break;
        if (deadline.left <= 0) throw uncollected(place, sidecars, found, collect);
        await new Promise((resolve) => setTimeout(resolve, Math.min(TICK, deadline.left)));
      }
    } catch (error) {
      for (const one of found) one[Symbol.dispose]();
      throw error;
    }
    return new HookManager(found, deadline, round);
  }

  /**
   * What every subscriber makes of a domain, one after the other.
   *
   * @throws BindingError where one makes another domain of it than its plan, or is not done in time
   */
  async onDefineDomain(domainXml: string, vmi: object): Promise<string> {
    const json = toJson(vmi);
    this.#deadline.restart(this.#round);
    let xml = domainXml;
    for (const { recorded, client, version, points } of this.#sidecars) {
      const expected = recorded.define(xml);
      if (points.has("OnDefineDomain")) {
        const answered = await client
          .onDefineDomain(version, Buffer.from(xml, "utf8"), json)
          .catch((error: unknown) => {
            throw refusedSidecar(
              recorded,
              `did not answer OnDefineDomain: ${(error as Error).message}`,
              "see the log of the sidecar",
            );
          });
        requireDomain(recorded, expected, answered);
      } else if (expected !== xml) throw refusedSidecar(recorded, NOT_SUBSCRIBED, SAME_RUNTIME);
      xml = expected;
    }
    return xml;
  }

  /**
   * What the first subscriber makes of cloud-init's data. `data` is undefined where no volume is of cloud-init.
   *
   * @throws LauncherPanicError where there is no data and a sidecar subscribed
   */
  async preCloudInitIso<T extends HookedCloudInit>(data: T | undefined, vmi: object): Promise<T | undefined> {
    const first = this.#subscribers("PreCloudInitIso").find(({ version }) => version !== "v1alpha1");
    if (first === undefined) return data;
    const { client, version, socket } = first;
    this.#deadline.restart(this.#round);
    if (data === undefined) {
      const problem = `sidecar socket "${socket}" subscribes to PreCloudInitIso, and the VM has no cloud-init volume`;
      throw new LauncherPanicError("nil-cloud-init", problem);
    }
    const legacy = { userData: data.UserData, networkData: data.NetworkData };
    const payload = { cloudInitData: toJson(data), cloudInitNoCloudSource: toJson(legacy) };
    const answer = await client.preCloudInitIso(version, payload, toJson(vmi));
    return answer === null ? data : readAnswer(data, answer);
  }

  /** Calls Shutdown of the sidecars in turn, until one does not answer. Those are ended by their processes. */
  async shutdown(): Promise<void> {
    this.#deadline.restart(SHUTDOWN_DEADLINE);
    await shutDown(this.#sidecars);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#sidecars) one[Symbol.dispose]();
  }

  #subscribers(point: string): readonly Sidecar<ExpectedSidecar>[] {
    return this.#sidecars.filter(({ points }) => points.has(point));
  }
}

async function shutDown(sidecars: readonly Sidecar[]): Promise<void> {
  for (const { client, version, points } of sidecars)
    if (points.has("Shutdown") && version === "v1alpha3") await client.shutdown(version);
}

/** Calls Shutdown of the sidecars of a pod that answer now, and waits for none. */
export async function shutDownSidecars(place: HookLocation, sidecars: readonly PodSidecar[]): Promise<void> {
  const found: Sidecar[] = [];
  try {
    await askNew(place, sidecars, found, new Deadline(SHUTDOWN_DEADLINE));
    await shutDown(found);
  } finally {
    for (const one of found) one[Symbol.dispose]();
  }
}

/**
 * The domain of a VM that boots, after its sidecars' hooks. They are asked thrice: about the domain with placeholders, about
 * the one without, and about the answer to that.
 */
export async function defineBootDomain(before: string, vmi: Pick<Vmi, "spec">, hooks: HookManager): Promise<string> {
  const interfaces = interfacesOf(vmi).filter(({ state }) => state !== "absent").length;
  await hooks.onDefineDomain(withPlaceholders(before, interfaces), vmi);
  return await hooks.onDefineDomain(await hooks.onDefineDomain(before, vmi), vmi);
}

const toJson = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** One round: asks the sidecars whose socket accepts, and has a base name that is a new one. */
async function askNew<S extends PodSidecar>(
  place: HookLocation,
  sidecars: readonly S[],
  found: Sidecar<S>[],
  deadline: Deadline,
): Promise<void> {
  for (const recorded of [...sidecars].sort((a, b) => (a.container < b.container ? -1 : 1))) {
    if (found.some((one) => one.recorded === recorded)) continue;
    const socket = holdHookSocket(place, recorded);
    if (socket === undefined) continue;
    const isNew = !found.some((one) => one.socket === socket.name);
    if (isNew && (await isAccepting(socket))) found.push(await ask(recorded, socket, deadline));
    else socket[Symbol.dispose]();
  }
}

/** Why sidecars are missing: a socket of a name that was asked already is never asked. */
function uncollected(
  place: HookLocation,
  sidecars: readonly PodSidecar[],
  found: readonly Sidecar[],
  deadline: number,
): Error {
  const missing = sidecars.filter((sidecar) => found.every(({ recorded }) => recorded !== sidecar));
  const names = found.map(({ socket }) => socket);
  const twice = missing.flatMap((sidecar) => {
    using socket = holdHookSocket(place, sidecar);
    return socket !== undefined && names.includes(socket.name) ? [socket.name] : [];
  })[0];
  const said = `${found.length} of ${sidecars.length} sidecars were collected in ${deadline} ms`;
  return twice === undefined
    ? new Error(`${said}: ${missing.map(sidecarName).join(" and ")} did not serve a hook socket`)
    : new LauncherPanicError("base-names", `${said}: two of them have a socket "${twice}"`);
}

/** Asks a sidecar for its hooks. Its socket is held until it is done with. */
async function ask<S extends PodSidecar>(
  recorded: S,
  socket: HeldSocket & { readonly name: string },
  deadline: Deadline,
): Promise<Sidecar<S>> {
  const client = connectHooks(socket.path, scaledTimeout(1), () => deadline.left);
  const end = (): void => {
    client.close();
    socket[Symbol.dispose]();
  };
  try {
    const { versions, hookPoints } = await client.info();
    const version = HOOK_VERSIONS.find((candidate) => versions.includes(candidate));
    if (version === undefined)
      throw refusedSidecar(
        recorded,
        `speaks the hook versions ${excerpt(versions.join(", "), 0)}, and netbind knows ${HOOK_VERSIONS.join(", ")}`,
        SAME_RUNTIME,
      );
    const points = new Set(hookPoints.map((point) => point.name));
    return { recorded, socket: socket.name, client, version, points, [Symbol.dispose]: end };
  } catch (error) {
    end();
    throw error;
  }
}

/** True where a sidecar shows its hook socket and answers on it. */
export async function sidecarAnswers(place: HookLocation, sidecar: PodSidecar): Promise<boolean> {
  try {
    const socket = holdHookSocket(place, sidecar);
    if (socket === undefined) return false;
    using _ = await ask(sidecar, socket, new Deadline(SHUTDOWN_DEADLINE));
    return true;
  } catch {
    return false;
  }
}
