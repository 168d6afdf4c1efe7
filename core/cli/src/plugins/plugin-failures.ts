import { BindingError, type NicSpec } from "@netbind/contract";
import { type AskedBinding, askBinding } from "@netbind/engine";
import type { InputViolation, InputVm } from "@netbind/input";
import { type BindingFailure, PluginsFailedError } from "../errors.ts";
import type { OpenPlugins } from "./open-plugins.ts";

export const nameOfVm = ({ vmi: { metadata } }: Pick<InputVm, "vmi">): string =>
  `${metadata.namespace}/${metadata.name}`;

/** Keeps which bindings failed while many VMs are judged, so that one's trouble hides nothing of another. */
export class PluginFailures {
  readonly #failures = new Map<string, { readonly error: BindingError; readonly vms: Set<string> }>();
  /** The VMs that bindings were handed out for, in the order of the input: answers come in any order. */
  readonly #vms = new Set<string>();
  readonly #plugins: OpenPlugins;

  /** Plugins that could not be opened have failed for every VM that uses them. */
  constructor(plugins: OpenPlugins) {
    this.#plugins = plugins;
    for (const [binding, error] of plugins.failed) this.#failures.set(binding, { error, vms: new Set() });
  }

  /**
   * Records that a binding failed for a VM. The first error is reported. @throws what is thrown, where it is not a
   * binding's error
   */
  add(binding: string, vm: string, error: unknown): void {
    if (!BindingError.is(error)) throw error;
    const known = this.#failures.get(binding) ?? { error, vms: new Set() };
    known.vms.add(vm);
    this.#failures.set(binding, known);
  }

  /** The bindings as they are asked about one VM: one that fails finds nothing and needs nothing, and that is recorded. */
  bindingsFor(vm: InputVm): ReadonlyMap<string, AskedBinding> {
    const name = nameOfVm(vm);
    this.#vms.add(name);
    const { bindings, failed } = this.#plugins;
    const opened = [...bindings].map(([binding, asked]) => [binding, this.#recording(binding, name, asked)] as const);
    const unopened = [...failed].map(
      ([binding, error]) => [binding, this.#recording(binding, name, failing(error))] as const,
    );
    return new Map([...opened, ...unopened]);
  }

  #recording(binding: string, vm: string, asked: AskedBinding): AskedBinding {
    const answer = async <T>(what: string, ask: () => T | Promise<T>, none: T): Promise<T> => {
      // It was asked of this VM already, and failed.
      if (this.#failures.get(binding)?.vms.has(vm) === true) return none;
      try {
        return await askBinding(`binding "${binding}" failed to ${what}`, ask);
      } catch (error) {
        this.add(binding, vm, error);
        return none;
      }
    };
    return {
      takesPodMac: asked.takesPodMac,
      migration: asked.migration,
      admit: (nic: NicSpec) => answer(`admit NIC "${nic.name}"`, () => asked.admit(nic), []),
      needs: (nic: NicSpec) => answer(`report the needs of NIC "${nic.name}"`, () => asked.needs(nic), {}),
    };
  }

  /** What failed, each with its VMs in the order of the input. */
  get all(): readonly BindingFailure[] {
    return [...this.#failures].map(([binding, { error, vms }]) => {
      const others = [...vms].filter((vm) => !this.#vms.has(vm));
      return { binding, error, vms: [...[...this.#vms].filter((vm) => vms.has(vm)), ...others] };
    });
  }

  /** @throws PluginsFailedError with what was found all the same, where a binding failed */
  throwIfAny(violations: readonly InputViolation[]): void {
    if (this.#failures.size > 0) throw new PluginsFailedError(this.all, violations);
  }
}

/** A plugin that could not be opened: nothing is known of it, and each question fails as its opening did. */
function failing(error: BindingError): AskedBinding {
  const fail = (): never => {
    throw error;
  };
  return { takesPodMac: false, migration: "none", admit: fail, needs: fail };
}
