/** What a plan may be: any value that a binding returns is refused, or stays within its NIC. */
/** What a plan may be: any value that a binding returns is refused, or stays within its NIC. */
import { BindingError, type Plan } from "@netbind/contract";
import { authorize, diffNetwork, serviceProcesses, desiredNetwork } from "@netbind/engine";
import fc from "fast-check";
import { expect, test } from "vitest";
import { attachment, bounds, good } from "../../support/cases/judged-attachment.ts";

/** Does what a host does with a plan, without a kernel: everything that it would be told stays within the NIC. */
function expectWithin(plan: Plan): void {
  const { names, pod } = attachment;
  const desired = {
    ...desiredNetwork(names, plan, pod),
    owner: { uid: 107, gid: 107 },
    placeholderKind: "dummy",
  } as const;
  const observed = {
    name: pod.name,
    kind: "veth",
    mac: pod.mac,
    mtu: pod.mtu,
    up: true,
    carrier: true,
    addresses: pod.addresses,
  };
  const routes = pod.routes.map((route) => ({ ...route, link: pod.name }));
  const { ip, sysctls, nft } = diffNetwork(desired, { links: [observed], routes, sysctls: {} });
  const own = [names.bridge, names.tap, names.adopted, names.pod];
  for (const line of ip) {
    expect(line).toMatch(/^(link (set|add)|addr (add|del|flush)|tuntap add|route replace) [A-Za-z0-9 :./_-]+$/);
    for (const [, name] of line.matchAll(/\b(?:dev|name|master) (\S+)/g)) expect(own).toContain(name);
  }
  for (const { key, value } of sysctls) {
    expect(key).toMatch(
      /^net\.ipv[46]\.(ip_forward|ip_unprivileged_port_start|(conf|neigh)\.(all|k6t-eth0|tap0|eth0-nic)\.[a-z0-9_]+)$/,
    );
    expect(value).toMatch(/^[0-9 ]+$/);
  }
  for (const command of nft) expect(JSON.stringify(command)).toMatch(/"(table|name)":"netbind_eth0"/);
  for (const { configuration } of serviceProcesses(plan.services ?? []))
    for (const line of configuration.trimEnd().split("\n")) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1000);
}

const authorized = (given: unknown): Plan | undefined => {
  try {
    return authorize(given, bounds);
  } catch (error) {
    expect(error).toBeInstanceOf(BindingError);
    expect(["PLAN_OUT_OF_BOUNDS", "PLAN_IMPOSSIBLE"]).toContain((error as BindingError).code);
    expect((error as Error).message.length).toBeLessThan(200_000);
    return undefined;
  }
};

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});
const word = fc.oneof(
  fc.constantFrom(
    "eth0",
    "tap0",
    "k6t-eth0",
    "lo",
    "0.0.0.0",
    "127.0.0.1",
    "::1",
    "10.0.2.1",
    "ip",
    "tcp",
    "nat",
    "drop",
    "__proto__",
    "a\nb",
    "",
    "net.ipv4.ip_forward",
  ),
  fc.string({ unit: "binary" }),
);
const leaf = fc.oneof(
  word,
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, undefined, Number.NaN, -0, 2 ** 53, () => 1, Symbol("x"), 1n),
  anything,
);

/** Every path to a part of a value. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))];
}

/** The value with another part at a path. */
function withPart(value: unknown, [key, ...rest]: readonly (string | number)[], part: unknown): unknown {
  if (key === undefined) return part;
  const copy: Record<string | number, unknown> = Array.isArray(value)
    ? ([...value] as never)
    : { ...(value as object) };
  copy[key] = withPart(copy[key], rest, part);
  return copy;
}

test("any value at all as a plan: refused with a BindingError, and never believed", () => {
  fc.assert(
    fc.property(anything, (value) => void authorized(value)),
    { numRuns: 500 },
  );
  const circle: Record<string, unknown> = { domain: { kind: "tap" } };
  circle["network"] = circle;
  const deep = (levels: number): object => (levels === 0 ? {} : { name: "x", children: [deep(levels - 1)] });
  const throwing = {
    get domain(): unknown {
      throw new Error("no");
    },
  };
  for (const value of [
    circle,
    throwing,
    { domain: { kind: "passt", forward: [deep(5000)] } },
    Promise.resolve(good),
    new Proxy({}, {}),
    Object.create(good.masquerade),
  ])
    expect(authorized(value)).toBeUndefined();
});

test.each(Object.entries(good))(
  "%s's own plan with any part of it changed: refused, or all that comes of it stays within the NIC",
  (_, plan) => {
    const paths = pathsOf(plan);
    // A part of the plan itself in another's place is what comes nearest to a plan that is accepted.
    const part = fc.oneof(
      leaf,
      fc.constantFrom(...paths.map((path) => path.reduce<unknown>((at, key) => (at as never)[key], plan))),
    );
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        part,
        fc.constantFrom(...paths),
        part,
        fc.boolean(),
        (one, a, two, b, both) => {
          const passed = authorized(withPart(both ? withPart(plan, two, b) : plan, one, a));
          if (passed === undefined) return;
          accepted += 1;
          expectWithin(passed);
        },
      ),
      { numRuns: 4000 },
    );
    expectWithin(authorize(plan, bounds));
    // Some changes do no harm, such as another search domain: what is asked of those is asked often enough to fail.
    expect(accepted).toBeGreaterThan(15);
    expect(accepted).toBeLessThan(2000);
  },
);

test("what was looked at is what is applied: a plan that answers differently each time is read once", () => {
  let asked = 0;
  const network = good.masquerade.network;
  const twofaced = {
    ...good.masquerade,
    get network() {
      return asked++ === 0 ? network : { links: [], sysctls: [{ key: "kernel.core_pattern", value: "1" }] };
    },
  };
  expect(authorize(twofaced, bounds)).toEqual(good.masquerade);
  expect(asked).toBe(1);
});
