import { type Binding, BindingError } from "@netbind/contract";
import {
  type AskedBinding,
  type Grants,
  type GrantsByBinding,
  grantsOf,
  type NicPlanner,
  plannerOf,
} from "@netbind/engine";
import type { BindingRegistration } from "@netbind/kubevirt";
import { scaledTimeout } from "@netbind/netns";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";
import { type BindingSockets, findBindingSocket, type FoundSocket, isServedBeside } from "./binding-sockets.ts";
import { bindingSilent } from "../errors.ts";

/** A binding that can be asked about NICs, and for their plans. */
export interface ServedBinding extends AskedBinding {
  readonly grants: Grants;
  /** What the KubeVirt CR says of it; absent where it says nothing any more. */
  readonly registration?: BindingRegistration;
  readonly planner: NicPlanner;
}

/** Where bindings are asked: in this process, and behind sockets that the administrator put beside the agent. */
export interface BindingSources {
  /** By the name that they are registered under. */
  readonly own: ReadonlyMap<string, Binding>;
  /** Absent where this release's bindings are all. */
  readonly sockets?: BindingSockets;
  /** What the administrator grants beyond this release, by registered name. */
  readonly grants: GrantsByBinding;
}

/** A process that is asked. */
interface Connection {
  readonly client: BindingClient;
  readonly socket: FoundSocket;
}

/** The bindings that this agent serves: this release's, but for those that the administrator lets a process override. */
export class BindingRegistry implements Disposable {
  readonly #places: BindingSources;
  readonly #connections = new Map<string, Connection>();

  constructor(places: BindingSources) {
    this.#places = places;
  }

  /** What the administrator lets a binding do. */
  grants(name: string): Grants {
    return grantsOf(name, this.#places.grants);
  }

  /**
   * Finds a binding; undefined where this agent does not serve it, and its sidecar is not ours to attach.
   *
   * @throws NotReadyError where its process does not answer
   */
  async find(name: string): Promise<ServedBinding | undefined> {
    const { sockets } = this.#places;
    const own = this.#places.own.get(name);
    if (sockets === undefined || !isServedBeside(sockets, name, own !== undefined))
      return own === undefined ? undefined : { ...own, planner: plannerOf(own), grants: this.grants(name) };
    const client = this.#connect(name, sockets);
    try {
      const { takesPodMac, migration } = await client.describe();
      const grants = this.grants(name);
      return {
        takesPodMac,
        migration,
        grants,
        planner: client,
        admit: (nic) => client.admit(nic),
        needs: (nic) => client.needs(nic),
      };
    } catch (error) {
      // A client keeps the answer of its first question, a failure too.
      this.#disconnect(name);
      if (error instanceof BindingError && error.code === "UNAVAILABLE") throw bindingSilent(name, error);
      throw error;
    }
  }

  /** The client of a binding's process: another where another socket stands in the place of the one that it dials. */
  #connect(name: string, sockets: BindingSockets): BindingClient {
    const socket = findBindingSocket(sockets, name);
    const known = this.#connections.get(name);
    if (known?.socket.identity === socket.identity) {
      socket[Symbol.dispose]();
      return known.client;
    }
    this.#disconnect(name);
    const client = connectBinding(socket.path, scaledTimeout(1));
    this.#connections.set(name, { client, socket });
    return client;
  }

  #disconnect(name: string): void {
    const known = this.#connections.get(name);
    this.#connections.delete(name);
    known?.client.close();
    known?.socket[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#connections.keys()]) this.#disconnect(name);
  }
}
