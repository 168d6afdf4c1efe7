import { statSync, unwatchFile, watchFile } from "node:fs";
import { join } from "node:path";
import { type BindingDescription, BindingError } from "@netbind/contract";
import type { AskedBinding } from "@netbind/engine";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";

const SOCKET = "binding.sock";
/**
 * Milliseconds between two looks at a socket's place, between two questions to a process that does not answer, and for
 * which changes are gathered: a process is not trusted to seldom change its own.
 */
const TIMING = { look: 400, probe: 1000, gather: 200 } as const;

interface Connection {
  readonly client: BindingClient;
  /** What distinguishes a socket from another in its place. */
  readonly identity: string;
  /** True once its loss is noticed. */
  isFollowed: boolean;
}

function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isSocket() === true ? `${stat.dev}:${stat.ino}` : undefined;
}

/** The processes of third-party bindings beside the controller, in a directory of directories: `NAME/binding.sock`. */
export class PlannerSockets implements Disposable {
  readonly #directory: string;
  readonly #connections = new Map<string, Connection>();
  readonly #watched = new Map<string, () => void>();
  readonly #probes = new Map<string, NodeJS.Timeout>();
  #gathering: NodeJS.Timeout | undefined;
  #listener = (): void => undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Calls a listener, the only one, whenever a process that was asked may have begun or ceased to answer. */
  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** Where the process of a binding serves. `name`: of a NetworkBinding, so that it stays in the directory. */
  pathOf(name: string): string {
    return join(this.#directory, name, SOCKET);
  }

  /** What a binding's process says that it is, each time it is asked; undefined where nothing serves. @throws BindingError */
  async describe(name: string): Promise<BindingDescription | undefined> {
    this.#watch(name);
    const connection = this.#connect(name);
    return connection && (await this.#ask(name, connection, () => connection.client.refresh()));
  }

  /** What answers for a binding's NICs; undefined where nothing serves. */
  planner(name: string): Pick<AskedBinding, "admit" | "needs"> | undefined {
    const connection = this.#connect(name);
    if (connection === undefined) return undefined;
    const { client } = connection;
    return {
      admit: (nic) => this.#ask(name, connection, () => client.admit(nic)),
      needs: (nic) => this.#ask(name, connection, () => client.needs(nic)),
    };
  }

  /** Forgets all processes but those of some bindings. */
  retain(names: ReadonlySet<string>): void {
    for (const name of new Set([...this.#connections.keys(), ...this.#watched.keys()]))
      if (!names.has(name)) this.#forget(name);
  }

  [Symbol.dispose](): void {
    this.retain(new Set());
    clearTimeout(this.#gathering);
  }

  /** The connection to a binding's process, another where it was started again; undefined where nothing serves. */
  #connect(name: string): Connection | undefined {
    const path = this.pathOf(name);
    const identity = identityOf(path);
    const known = this.#connections.get(name);
    if (known !== undefined && known.identity === identity) return known;
    this.#disconnect(name);
    if (identity === undefined) return undefined;
    const connection = { client: connectBinding(path), identity, isFollowed: false };
    this.#connections.set(name, connection);
    return connection;
  }

  #disconnect(name: string): void {
    const known = this.#connections.get(name);
    this.#connections.delete(name);
    known?.client.close();
  }

  async #ask<T>(name: string, connection: Connection, question: () => Promise<T>): Promise<T> {
    try {
      const answer = await question();
      this.#follow(name, connection);
      return answer;
    } catch (error) {
      // A client keeps the answer of its first question, a failure too.
      if (this.#connections.get(name) === connection) this.#disconnect(name);
      if (error instanceof BindingError && error.code === "UNAVAILABLE") this.#probe(name);
      throw error;
    }
  }

  /** Notices when a process ceases to answer: of one that is killed, the socket stays. */
  #follow(name: string, connection: Connection): void {
    if (connection.isFollowed) return;
    connection.isFollowed = true;
    connection.client.onLost(() => {
      if (this.#connections.get(name) !== connection) return;
      this.#disconnect(name);
      this.#change();
    });
  }

  /** Notices when a process begins to serve, and when another one does in its place. */
  #watch(name: string): void {
    if (this.#watched.has(name)) return;
    const listener = (): void => this.#change();
    this.#watched.set(name, listener);
    watchFile(this.pathOf(name), { interval: TIMING.look, persistent: false }, listener);
  }

  /** Asks a process that does not answer again, until it does: nothing else shows that it goes on, or listens at last. */
  #probe(name: string): void {
    if (!this.#watched.has(name) || this.#probes.has(name)) return;
    const again = async (): Promise<void> => {
      this.#probes.delete(name);
      // A failure probes again.
      if ((await this.describe(name).catch(() => undefined)) !== undefined) this.#change();
    };
    this.#probes.set(name, setTimeout(again, TIMING.probe).unref());
  }

  #change(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#listener();
    }, TIMING.gather).unref();
  }

  #forget(name: string): void {
    this.#disconnect(name);
    const listener = this.#watched.get(name);
    if (listener !== undefined) unwatchFile(this.pathOf(name), listener);
    this.#watched.delete(name);
    clearTimeout(this.#probes.get(name));
    this.#probes.delete(name);
  }
}
