import { managersOf } from "@netbind/kube";
import { sameValue } from "@netbind/kubevirt";
import { isFalse, type Verdict } from "../status/conditions.ts";
import { isOwn, ownersOf, ownNames, type Registry, registryName } from "./registry.ts";

/** The controller's fields of an entry, and since when they are there. */
interface Left {
  readonly fields: unknown;
  readonly since: number;
}

/** How often something was undone, when that was seen last, and how long it stood before at most. */
interface Reverted {
  readonly count: number;
  readonly at: number;
  readonly stood: number;
}

/** As often as an administrator may do so by hand; then it is a program, and writing on would be a fight. */
const TOLERATED = 3;
/** Milliseconds of the first pause, and of the longest. */
const PAUSE = { first: 5000, most: 300_000 } as const;
/** An entry is settled once it stands so many times as long as before it was undone; milliseconds, at least and at most. */
const SETTLED = { times: 3, least: 10_000, most: 600_000 } as const;
/** The manager that HyperConverged's operator writes as. */
const HYPERCONVERGED = "hyperconverged-cluster-operator";

/** Remembers what the controller has written, and so sees who undoes it. */
export class Reverts {
  readonly #now: () => number;
  /** Each entry as the controller left it, by registry and name. */
  readonly #left = new Map<string, Left>();
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
      if (left === undefined || sameValue(left.fields, ownersOf(registry, name).own)) continue;
      const before = this.#current(key);
      this.#left.delete(key);
      const stood = Math.max(before?.stood ?? 0, this.#now() - left.since);
      this.#reverted.set(key, { count: (before?.count ?? 0) + 1, at: this.#now(), stood });
    }
  }

  /** Takes note of a registry as it was left. */
  leave(registry: Registry): void {
    const names = new Map(ownNames(registry).map((name) => [keyOf(registry, name), ownersOf(registry, name).own]));
    for (const key of [...this.#left.keys()])
      if (key.startsWith(prefixOf(registry)) && !names.has(key)) this.#left.delete(key);
    for (const [key, fields] of names)
      if (!sameValue(this.#left.get(key)?.fields, fields)) this.#left.set(key, { fields, since: this.#now() });
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

  /** Milliseconds until the next entry that was undone is settled; infinite where none is on its way. */
  get settlesIn(): number {
    const left = [...this.#reverted].map(([key, reverted]) => this.#settledAt(key, reverted) - this.#now());
    return Math.min(...left.filter((one) => one > 0));
  }

  #settledAt(key: string, { at, stood }: Reverted): number {
    const since = this.#left.get(key)?.since;
    const patience = Math.min(Math.max(SETTLED.times * stood, SETTLED.least), SETTLED.most);
    return since === undefined ? at + SETTLED.most : since + patience;
  }

  #current(key: string): Reverted | undefined {
    const reverted = this.#reverted.get(key);
    if (reverted === undefined || this.#now() < this.#settledAt(key, reverted)) return reverted;
    this.#reverted.delete(key);
    return undefined;
  }
}

const prefixOf = ({ object }: Registry): string => `${String(object.metadata["uid"])}/`;
const keyOf = (registry: Registry, name: string): string => `${prefixOf(registry)}${name}`;
