import { clusterGrants, type Grants, type GrantsByBinding } from "@netbind/engine";
import type { KubeNetworkBinding } from "@netbind/kube";
import { type AgentError, invalidGrants } from "../errors.ts";

/** Who grants what, by registered name. A list of a later one replaces that of an earlier one. */
export interface GrantSources {
  /** What this release's bindings may do as long as nobody says otherwise. */
  readonly released: GrantsByBinding;
  /** Of a file on the node; it stands above what the cluster has. */
  readonly file?: GrantsByBinding;
}

/** What a binding may do, or what is wrong with what it is granted: then it may do nothing. */
export interface GrantedBinding {
  readonly grants: Grants;
  /** Absent: nothing is wrong. */
  readonly grantsProblem?: AgentError;
}

/** What bindings may do: by this release, by the cluster's NetworkBindings, and by a file of the node's administrator. */
export class BindingGrants {
  readonly #sources: GrantSources;
  #networkBindings: readonly KubeNetworkBinding[] = [];

  constructor(sources: GrantSources) {
    this.#sources = sources;
  }

  /** From now on, the cluster's NetworkBindings are these. */
  follow(networkBindings: readonly KubeNetworkBinding[]): void {
    this.#networkBindings = networkBindings;
  }

  /** True where the cluster has a NetworkBinding of a name. */
  isGiven(name: string): boolean {
    return this.#networkBindings.some((one) => one.name === name);
  }

  /** What the administrator lets a binding do, by its registered name: never what its plugin says of itself. */
  of(name: string): GrantedBinding {
    const given = this.#networkBindings.find((one) => one.name === name)?.grants;
    const { released, file } = this.#sources;
    const { grants, problems } = clusterGrants(name, given, released, file);
    return problems.length > 0 ? { grants, grantsProblem: invalidGrants(name, problems) } : { grants };
  }
}
