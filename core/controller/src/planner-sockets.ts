import { statSync } from "node:fs";
import { join } from "node:path";
import type { AskedBinding } from "@netbind/engine";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";

const SOCKET = "binding.sock";

interface Connection {
  readonly client: BindingClient;
  /** What distinguishes a socket from another in its place. */
  readonly identity: string;
}

function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isSocket() === true ? `${stat.dev}:${stat.ino}` : undefined;
}

/** The processes of third-party bindings beside the controller, in a directory of directories: `NAME/binding.sock`. */
export class PlannerSockets implements Disposable {
  readonly #directory: string;
  readonly #connections = new Map<string, Connection>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Where the process of a binding serves. `name`: of a NetworkBinding, so that it stays in the directory. */
  pathOf(name: string): string {
    return join(this.#directory, name, SOCKET);
  }

  /** The client of a binding's process, another where it was started again; undefined where nothing serves. */
  connect(name: string): BindingClient | undefined {
    const path = this.pathOf(name);
    const identity = identityOf(path);
    const known = this.#connections.get(name);
    if (known !== undefined && known.identity === identity) return known.client;
    this.disconnect(name);
    if (identity === undefined) return undefined;
    const client = connectBinding(path);
    this.#connections.set(name, { client, identity });
    return client;
  }

  /** What answers for a binding's NICs; undefined where nothing serves. */
  planner(name: string): Pick<AskedBinding, "admit" | "needs"> | undefined {
    const client = this.connect(name);
    if (client === undefined) return undefined;
    const forget = (error: unknown): never => {
      // A client keeps the answer of its first question, a failure too.
      this.disconnect(name);
      throw error;
    };
    return { admit: (nic) => client.admit(nic).catch(forget), needs: (nic) => client.needs(nic).catch(forget) };
  }

  /** Ends the connection to a binding's process, if there is one. */
  disconnect(name: string): void {
    const known = this.#connections.get(name);
    this.#connections.delete(name);
    known?.client.close();
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#connections.keys()]) this.disconnect(name);
  }
}
