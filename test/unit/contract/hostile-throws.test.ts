/** What an author throws, or exports, may be anything: reading it must not fail, and what is told of it says something. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Binding,
  BindingError,
  defineBinding,
  exportedBinding,
  type Needs,
  type NicSpec,
  type Plan,
  type Violation,
} from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { type BindingClient, connectBinding } from "@netbind/remote/binding";
import { addBinding, type ExplainFailure, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { expect, test } from "vitest";
import { explainFailure } from "../../../sidecars/src/explain-failure.ts";

const attachment = anAttachment();
const PLAN: Plan = { domain: { kind: "tap" } };

const admitting = (admit: (nic: NicSpec) => unknown): Binding =>
  defineBinding({
    name: "wrong",
    contract: "v1alpha1",
    migration: "none",
    plan: () => PLAN,
    admit: admit as (nic: NicSpec) => readonly Violation[],
  });

/** What a caller behind a socket gets of a binding that refuses to admit a NIC. */
async function failureOf(
  binding: Binding,
  explain: ExplainFailure,
  ask: (client: BindingClient) => Promise<unknown> = (client) => client.admit(attachment),
): Promise<BindingError> {
  const directory = mkdtempSync(join(tmpdir(), "netbind-throws-"));
  const server = makeServer();
  addBinding(server, binding, explain);
  await listenUnix(server, join(directory, "b.sock"));
  const client = connectBinding(join(directory, "b.sock"));
  try {
    const answer = await ask(client);
    throw new Error(`it answered: ${JSON.stringify(answer)}`);
  } catch (error) {
    if (error instanceof BindingError) return error;
    throw error;
  } finally {
    client.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true });
  }
}

const withField = (field: string, descriptor: PropertyDescriptor): Error =>
  Object.defineProperty(new Error("m"), field, descriptor);
const never = (): never => {
  throw new Error("not to be read");
};

const THROWN: readonly (readonly [string, unknown, string])[] = [
  ["undefined", undefined, "undefined was thrown, which is not an Error"],
  ["null", null, "null was thrown, which is not an Error"],
  ["an object", { a: 1 }, "an object was thrown, which is not an Error"],
  ["a text", "no room", "no room"],
  ["a blank text", " ", '" " was thrown, which is not an Error'],
  ["a symbol", Symbol("s"), "Symbol(s) was thrown, which is not an Error"],
  ["an error whose stack cannot be read", withField("stack", { get: never }), "m"],
  ["an error whose stack is a number", withField("stack", { value: 5 }), "m"],
  ["an error whose message cannot be read", withField("message", { get: never }), "cannot be printed"],
  [
    "an error whose message cannot be printed",
    withField("message", { value: { toString: never } }),
    "cannot be printed",
  ],
  [
    "a proxy that answers nothing",
    new Proxy(new Error("m"), { get: never, getPrototypeOf: never, has: never }),
    "cannot be printed",
  ],
  ["a BindingError of an unknown code", new BindingError("NOPE" as "INTERNAL", "out of words", "h"), "out of words"],
  [
    "a BindingError without a hint",
    new BindingError("INTERNAL", "half an error", undefined as unknown as string),
    "half an error",
  ],
  ["a function", never, "a function was thrown, which is not an Error"],
];

test.each(THROWN)("%s: the caller reads that the plugin failed, at what, and why", async (_what, thrown, says) => {
  const binding = admitting(() => {
    throw thrown;
  });
  for (const explain of [
    explainFailure,
    (error: unknown, where: string) => BindingError.from(error, "PLUGIN_FAILED", where),
  ]) {
    const { code, message, hint } = await failureOf(binding, explain);
    expect(code).toBe("PLUGIN_FAILED");
    expect(message).toContain(`binding "wrong" failed to admit NIC "${attachment.name}": `);
    expect(message).toContain(says);
    expect(hint).toContain("where it is yours");
  }
});

test("an answer that is longer than a message may be is the binding's failure, and says the limit", async () => {
  const huge = admitting(() => [{ field: "", problem: "p".repeat(5 * 1024 * 1024), fix: "f" }]);
  const { code, message, hint } = await failureOf(huge, explainFailure);
  expect(code).toBe("PLUGIN_FAILED");
  expect(message).toContain("longer than 4194304 bytes");
  expect(hint).toContain("where it is yours");
});

test.each([
  ["problem", { field: "model", problem: " ", fix: "use virtio" }],
  ["fix", { field: "model", problem: "it is not virtio", fix: "" }],
])("a violation whose %s says nothing is refused", async (field, found) => {
  const { message } = await failureOf(
    admitting(() => [found]),
    explainFailure,
  );
  expect(message).toContain(`what admit returned is not a list of violations: [0].${field}: `);
  expect(message).toContain("is not a non-empty string");
});

test("a module's default export is named where it is wrong, and no place of Netbind's own", () => {
  const refusal = (): unknown => exportedBinding({ name: "x", contract: "v1alpha1", migration: "none" });
  expect(refusal).toThrow(
    "the module's default export, which defines the binding, is not valid: plan: the field is missing",
  );
  expect(refusal).not.toThrow("defined at");
  const own = admitting(() => []);
  expect(exportedBinding(own)).toBe(own);
  expect(exportedBinding({ ...own }).admit(attachment)).toEqual([]);
});

/** A binding that is not made with this contract: nothing of what it answers was checked before it is sent. */
const unchecked = (hooks: object): Binding => ({ ...admitting(() => []), needs: () => ({}), ...hooks });

test.each([
  [
    "a resource's name",
    { compute: { devices: { "a b\u001b": 1 } } },
    'compute.devices.a b\u001b: "a b\\u001b" is not the name of a resource',
  ],
  [
    "an empty resource's name",
    { compute: { devices: { "": 1 } } },
    '"" is not the name of a resource such as example.com/device',
  ],
  [
    "a capability's name",
    { compute: { capabilities: ["net_raw\n"] } },
    'compute.capabilities[0]: "net_raw\\n" is not a capability',
  ],
  [
    "an annotation's name",
    { pod: { annotations: { "bad key!": "v" } } },
    'pod.annotations.bad key!: "bad key!" is not the name of an annotation',
  ],
])("%s that cannot be is refused where it is returned and where it arrives", async (_what, needs, says) => {
  const wrong = unchecked({ needs: () => needs as Needs });
  expect(() => exportedBinding(wrong).needs(attachment)).toThrow(says);
  const { code, message } = await failureOf(wrong, explainFailure, (client) => client.needs(attachment));
  expect([code, message]).toEqual(["PLUGIN_FAILED", expect.stringContaining(says)]);
});

test("a resource by the name of a prototype is refused, not lost on the way", () => {
  const devices = JSON.parse('{"__proto__": 1}') as Record<string, number>;
  expect(() => exportedBinding(unchecked({ needs: () => ({ compute: { devices } }) })).needs(attachment)).toThrow(
    'compute.devices.__proto__: "__proto__" is not the name of a resource',
  );
});

test("a violation that says nothing is refused from any binding", async () => {
  const { code, message } = await failureOf(
    unchecked({ admit: () => [{ field: "model", problem: "", fix: "" }] }),
    explainFailure,
  );
  expect([code, message]).toEqual([
    "PLUGIN_FAILED",
    expect.stringContaining('[0].problem: "" is not a non-empty string'),
  ]);
});
