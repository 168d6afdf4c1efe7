/** What a document, a guest or a plugin says reaches a terminal printable, and a program unchanged. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EventRecorder } from "../../../core/agent/src/event-recorder.ts";
import { demoVmi } from "../../demo/vmi.ts";
import { expectHarmless, HOSTILE_TEXTS } from "../../support/cases/hostile-text.ts";
import type { Outcome } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

const netbind = useNetbind();

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** A VM in which a text stands wherever one can, as JSON, which says every text. */
const vmiOf = (text: string): string =>
  JSON.stringify({
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "one", labels: { [text]: text }, annotations: { [text]: text } },
    spec: {
      domain: {
        devices: {
          interfaces: [
            { name: text, masquerade: {}, macAddress: text, model: text },
            { name: "blue", binding: { name: text } },
          ],
        },
      },
      networks: [
        { name: text, pod: { vmNetworkCIDR: text } },
        { name: "blue", multus: { networkName: text } },
      ],
      [text]: text,
    },
  });

const both = ({ stdout, stderr }: Outcome): string => stdout + stderr;

describe.each(Object.entries(HOSTILE_TEXTS))("a document with %s", (_, text) => {
  test.each(["validate", "plan", "render"])("%s", async (command) => {
    const shown = await netbind([command, "-f", "-"], { stdin: vmiOf(text) });
    expect(shown.code).not.toBe(0);
    expectHarmless(both(shown));
    expect(both(shown)).not.toMatch(/^netbind: default\/other: healthy$/m);
    const told = await netbind([command, "-f", "-", "-o", "json"], { stdin: vmiOf(text) });
    expectHarmless(both(told));
    expect(JSON.parse(told.stdout)).toBeTypeOf("object");
  });
});

test("a pod whose annotations are hostile is rendered, as the text that they are", async () => {
  const annotation = Object.values(HOSTILE_TEXTS)
    .join("")
    .replaceAll(/[\ud800\udc00]/gu, "");
  const vmi = demoVmi({ name: "one", port: 80, nonce: "x" }).replace(
    "  name: one",
    `  name: one\n  annotations: {"kubevirt.io/x": ${JSON.stringify(annotation)}}`,
  );
  const { code, stdout, stderr } = await netbind(["render", "-f", "-"], { stdin: vmi });
  expect(code, stderr).toBe(0);
  expectHarmless(stdout);
});

const hostile = Object.values(HOSTILE_TEXTS).join("");

test("an agent's reports are printable, and as long as an event may be", () => {
  const said: string[] = [];
  const reporter = new EventRecorder(({ message, hint }) => said.push(message, hint ?? ""));
  const pod = { namespace: "default", name: "one", uid: "u" };
  reporter.record({ pod, type: "Warning", reason: "PLUGIN_FAILED", message: hostile.repeat(1000), hint: hostile });
  for (const text of said) {
    expectHarmless(text);
    expect(text).not.toContain("\n");
    expect(text.length).toBeLessThan(4000);
  }
});

test("nothing but the encoder's own places writes to an output", () => {
  const folders = readdirSync(join(ROOT, "core")).map((name) => `core/${name}/src`);
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  );
  const writes = files
    .filter((name) => name.endsWith(".ts"))
    .filter((name) => /\bstd(out|err)\.write\(|\bconsole\.\w+\(/.test(readFileSync(join(ROOT, name), "utf8")));
  // The usage of the agent and of the controller.
  expect(writes.sort()).toEqual(["core/agent/src/main.ts", "core/cli/src/output.ts", "core/controller/src/main.ts"]);
});
