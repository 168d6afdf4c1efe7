import { managersOf } from "@netbind/kube";
import { sameValue } from "@netbind/kubevirt";
import { isFalse, type Verdict } from "../status/conditions.ts";
import { isOwn, ownersOf, ownNames, type Registry, registryName } from "./registry.ts";

/** How often something was undone, and when that was seen last. */
interface Reverted {
  readonly count: number;
  readonly at: number;
}

/** As often as an administrator may do so by hand; then it is a program, and writing on would be a fight. */
const TOLERATED = 3;
/** Milliseconds: of the first pause, of the longest, and after which an entry that stays counts as settled. */
const PAUSE = { first: 5000, most: 300_000 } as const;
const SETTLED = 600_000;
/** The manager that HyperConverged's operator writes as. */
const HYPERCONVERGED = "hyperconverged-cluster-operator";

/** Remembers what the controller has written, and so sees who undoes it. */
export class Reverts {
  readonly #now: () => number;
  /** The controller's fields of each entry as it left them, by registry and name. */
  readonly #left = new Map<string, unknown>();
  readonly #reverted = new Map<string, Reverted>();

  /** `now`: milliseconds of a clock that only goes on. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Looks at a registry before it is written: what of `names` is not there any more as it was left? */
  observe(registry: Registry, names: Iterable<string>): void {
    for (const name of names) {
      const key = keyOf(registry, name);
      const left = this.#left.get(key);
      if (left === undefined || sameValue(left, ownersOf(registry, name).own)) continue;
      this.#left.delete(key);
      this.#reverted.set(key, { count: (this.#current(key)?.count ?? 0) + 1, at: this.#now() });
    }
  }

  /** Takes note of a registry as it was left. */
  leave(registry: Registry): void {
    const names = ownNames(registry);
    for (const key of [...this.#left.keys()]) if (key.startsWith(prefixOf(registry))) this.#left.delete(key);
    for (const name of names) this.#left.set(keyOf(registry, name), ownersOf(registry, name).own);
  }

  /** True where an entry is not to be written now. */
  isPaused(registry: Registry, name: string): boolean {
    const reverted = this.#current(keyOf(registry, name));
    if (reverted === undefined || reverted.count <= TOLERATED) return false;
    const pause = Math.min(PAUSE.first * 2 ** (reverted.count - TOLERATED - 1), PAUSE.most);
    return this.#now() - reverted.at < pause;
  }

  /** What is said of an entry that is undone again and again; undefined: it is not. */
  judge(registry: Registry, name: string): Verdict | undefined {
    const reverted = this.#current(keyOf(registry, name));
    if (reverted === undefined || reverted.count < TOLERATED) return undefined;
    const where = `${[...registry.path, name].join(".")} of ${registryName(registry)}`;
    const managers = managersOf(registry.object).filter((one) => !isOwn(one));
    const names = [...new Set(managers.map(({ manager }) => manager))];
    const isOperators = registry.place.resource.kind === "KubeVirt" && names.includes(HYPERCONVERGED);
    const fix = isOperators
      ? "HyperConverged's operator writes this CR: register the binding in spec.networkBinding of its own"
      : `stop what removes it (managers of the object: ${names.map((one) => JSON.stringify(one)).join(", ") || "none"})`;
    return isFalse("Reverted", `${where} was written and reverted ${reverted.count} times: ${fix}`);
  }

  #current(key: string): Reverted | undefined {
    const reverted = this.#reverted.get(key);
    if (reverted === undefined || this.#now() - reverted.at < SETTLED) return reverted;
    this.#reverted.delete(key);
    return undefined;
  }
}

const prefixOf = ({ object }: Registry): string => `${String(object.metadata["uid"])}/`;
const keyOf = (registry: Registry, name: string): string => `${prefixOf(registry)}${name}`;
