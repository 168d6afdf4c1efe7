import { type Binding, BindingError } from "@netbind/contract";
import { type AskedBinding, type NicPlanner, plannerOf } from "@netbind/engine";
import type { KubeNetworkBinding } from "@netbind/kube";
import type { BindingRegistration } from "@netbind/kubevirt";
import { scaledTimeout } from "@netbind/netns";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";
import { BindingGrants, type GrantedBinding, type GrantSources } from "./binding-grants.ts";
import { type BindingSockets, findBindingSocket, type FoundSocket, isServedBeside } from "./binding-sockets.ts";
import { bindingSilent, missingPlanner } from "../errors.ts";

/** A binding that can be asked about NICs, and for their plans. */
export interface ServedBinding extends AskedBinding, GrantedBinding {
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
  readonly grants: GrantSources;
}

/** A process that is asked. */
interface Connection {
  readonly client: BindingClient;
  readonly socket: FoundSocket;
}

/** The bindings that this agent serves: this release's, but for those that the administrator lets a process override. */
export class BindingRegistry implements Disposable {
  readonly #places: BindingSources;
  readonly #grants: BindingGrants;
  readonly #connections = new Map<string, Connection>();

  constructor(places: BindingSources) {
    this.#places = places;
    this.#grants = new BindingGrants(places.grants);
  }

  /** From now on, bindings are granted what these NetworkBindings say. */
  follow(networkBindings: readonly KubeNetworkBinding[]): void {
    this.#grants.follow(networkBindings);
  }

  /**
   * Finds a binding; undefined where this agent does not serve it, and its sidecar is not ours to attach.
   *
   * @throws NotReadyError where its process does not answer, or a NetworkBinding has none
   */
  async find(name: string): Promise<ServedBinding | undefined> {
    const { sockets } = this.#places;
    const own = this.#places.own.get(name);
    if (sockets === undefined || !isServedBeside(sockets, name, own !== undefined)) {
      if (own !== undefined) return { ...own, planner: plannerOf(own), ...this.#grants.of(name) };
      // Who registers it so wants it planned: KubeVirt would wait for its sidecar without a word.
      if (this.#grants.isGiven(name)) throw missingPlanner(name);
      return undefined;
    }
    const client = this.#connect(name, sockets);
    try {
      const { takesPodMac, migration } = await client.describe();
      return {
        takesPodMac,
        migration,
        ...this.#grants.of(name),
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
