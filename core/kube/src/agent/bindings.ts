import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { type Binding, BindingError } from "@netbind/contract";
import {
  type AskedBinding,
  type BindingRegistration,
  type Grants,
  type GrantsByBinding,
  grantsOf,
  type NicPlanner,
  plannerOf,
} from "@netbind/engine";
import { patient } from "@netbind/netns";
import { type BindingClient, connectBinding } from "@netbind/remote";
import { NotYetError } from "./not-yet.ts";

/** A binding that can be asked about NICs, and for their plans. */
export interface ServedBinding extends AskedBinding {
  readonly grants: Grants;
  /** What the KubeVirt CR says of it; absent where it says nothing any more. */
  readonly registration?: BindingRegistration;
  readonly planner: NicPlanner;
}

/** Where bindings are asked: in this process, and behind sockets that the administrator put beside the agent. */
export interface BindingPlaces {
  /** By the name that they are registered under. */
  readonly own: ReadonlyMap<string, Binding>;
  /** A directory of sockets, `<registered name>.sock`; absent where there are none. */
  readonly sockets?: string;
  /** What the administrator grants beyond this release, by registered name. */
  readonly grants: GrantsByBinding;
}

/** The bindings that this agent serves. A socket of a name goes before this release's plugin of that name. */
export class Bindings implements Disposable {
  readonly #places: BindingPlaces;
  readonly #clients = new Map<string, BindingClient>();

  constructor(places: BindingPlaces) {
    this.#places = places;
  }

  /** What the administrator lets a binding do. */
  grants(name: string): Grants {
    return grantsOf(name, this.#places.grants);
  }

  /**
   * Finds a binding; undefined where it is nobody's here, and its sidecar is not ours to attach.
   *
   * @throws NotYetError where its process does not answer
   */
  async find(name: string): Promise<ServedBinding | undefined> {
    const socket = this.#socketOf(name);
    const own = this.#places.own.get(name);
    if (socket === undefined) return own === undefined ? undefined : { ...own, planner: plannerOf(own), grants: this.grants(name) };
    const client = this.#clients.get(name) ?? connectBinding(socket, patient(1));
    this.#clients.set(name, client);
    try {
      const { takesPodMac, migration } = await client.describe();
      const grants = this.grants(name);
      return { takesPodMac, migration, grants, planner: client, admit: (nic) => client.admit(nic), needs: (nic) => client.needs(nic) };
    } catch (error) {
      // A client keeps the answer of its first question, a failure too.
      this.#clients.delete(name);
      client.close();
      if (error instanceof BindingError && error.code === "UNAVAILABLE")
        throw new NotYetError(`binding "${name}" does not answer at ${socket}`);
      throw error;
    }
  }

  #socketOf(name: string): string | undefined {
    const { sockets } = this.#places;
    // A registered name is a map's key, and may be anything.
    if (sockets === undefined || !/^[A-Za-z0-9._-]{1,63}$/.test(name)) return undefined;
    const path = join(sockets, `${name}.sock`);
    return existsSync(path) && lstatSync(path).isSocket() ? path : undefined;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
