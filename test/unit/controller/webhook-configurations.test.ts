/** What API servers are told to ask: of which objects, and what happens where nobody answers. */
import { webhookConfigurations } from "@netbind/controller";
import { expect, test } from "vitest";

interface Webhook {
  readonly name: string;
  readonly failurePolicy: string;
  readonly reinvocationPolicy?: string;
  readonly clientConfig: { readonly service: { readonly path: string } };
  readonly rules: readonly { readonly resources: readonly string[]; readonly operations: readonly string[] }[];
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
}

/** The webhooks of all configurations, by the kind and name of the configuration. */
function configured(removed: readonly string[]): ReadonlyMap<string, readonly Webhook[]> {
  const all = webhookConfigurations({
    target: { service: "netbind-webhooks", namespace: "netbind" },
    authorities: ["pem"],
    ...{ names: ["passt", "acme"], removed, virtController: "system:serviceaccount:kubevirt:kubevirt-controller" },
  });
  return new Map(
    all.map(({ resource, name, body }) => [
      `${resource.kind} ${name}`,
      (body as { readonly webhooks: readonly Webhook[] }).webhooks,
    ]),
  );
}

const MUTATING = "MutatingWebhookConfiguration netbind-bindings";
const NEEDS = "MutatingWebhookConfiguration binding-needs.netbind.dev";
const said = ({ rules, clientConfig, failurePolicy }: Webhook): string => {
  const [rule] = rules;
  return `${rule?.resources.join()} ${rule?.operations.join()} ${clientConfig.service.path} ${failurePolicy}`;
};

test("what is changed is asked of VMs, new VMIs and new pods, and nothing passes it by", () => {
  const all = configured(["slirp", "passt"]);
  const webhooks = [MUTATING, NEEDS].flatMap((name) => all.get(name) ?? []);
  expect(webhooks.map(said)).toEqual([
    "virtualmachines CREATE,UPDATE /mutate Fail",
    "virtualmachineinstances CREATE /mutate Fail",
    "pods CREATE /mutate-pod Fail",
  ]);
  expect(webhooks.every(({ reinvocationPolicy }) => reinvocationPolicy === "IfNeeded")).toBe(true);
});

test("VMs are asked of for removed core bindings alone, VMIs for our names too; where none is removed, VMs are not", () => {
  const expressions = (removed: readonly string[]): readonly string[] =>
    (configured(removed).get(MUTATING) ?? []).map(
      ({ matchConditions }) => matchConditions.find(({ name }) => name === "bindings")?.expression ?? "",
    );
  const [vms = "", vmis = ""] = expressions(["slirp"]);
  expect(vms).toContain("nic.?slirp.hasValue()");
  expect(vms).not.toContain("acme");
  expect(vmis).toMatch(/in \["acme","passt"\] \|\| nic\.\?slirp\.hasValue\(\)/);
  expect(configured([]).get(MUTATING)?.map(said)).toEqual(["virtualmachineinstances CREATE /mutate Fail"]);
});

test("of pods, those of virt-controller's account with the annotation", () => {
  const [pods] = configured([]).get(NEEDS) ?? [];
  expect(pods?.matchConditions.map(({ expression }) => expression)).toEqual([
    'request.userInfo.username == "system:serviceaccount:kubevirt:kubevirt-controller"',
    expect.stringContaining('"netbind.dev/bindings"'),
  ]);
});

test("a mesh's injector is asked after what adds to pods: API servers go by the names of configurations", () => {
  const [, name = ""] = NEEDS.split(" ");
  expect([name, "istio-sidecar-injector", "istio-revision-tag-default"].sort()[0]).toBe(name);
});

test("of all that makes VMs, one configuration waits for our names and removed core bindings, one passes the rest by", () => {
  const all = configured(["slirp"]);
  const [bindings = [], others = []] = ["netbind-bindings", "netbind-others"].map((name) =>
    all.get(`ValidatingWebhookConfiguration ${name}`),
  );
  expect(bindings.map(({ failurePolicy }) => failurePolicy)).toEqual(["Fail", "Fail", "Fail", "Fail"]);
  expect(others.map(({ failurePolicy }) => failurePolicy)).toEqual(["Ignore", "Ignore", "Ignore", "Ignore"]);
  const conditions = (webhooks: readonly Webhook[]): readonly string[] =>
    webhooks.map(({ matchConditions }) => matchConditions.at(-1)?.expression ?? "");
  expect(conditions(bindings).every((one) => one.includes("nic.?slirp.hasValue()"))).toBe(true);
  // Each object is asked of by one of the two.
  expect(conditions(others)).toEqual(conditions(bindings).map((one) => `!(${one})`));
});

test("names of webhooks are unique, and what is about to go or stays as it is passes", () => {
  for (const webhooks of configured(["slirp"]).values()) {
    const names = webhooks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { matchConditions, rules } of webhooks)
      if (rules[0]?.resources[0] !== "pods")
        expect(matchConditions.slice(0, 2).map(({ name }) => name)).toEqual(["is-staying", "is-changed"]);
  }
});
