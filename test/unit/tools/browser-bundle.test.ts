/** The packages that the import law calls pure run where there is the language, and no runtime. */
import { createContext, runInContext } from "node:vm";
import { fileURLToPath } from "node:url";
import { build, type BuildResult } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import * as source from "../../support/browser/page-program.ts";

const PURE = ["contract", "domain", "kubevirt", "engine", "input", "view"];

type Program = typeof source;

let bundle: BuildResult<{ write: false; metafile: true }>;
let program: Program;
beforeAll(async () => {
  bundle = await build({
    entryPoints: [fileURLToPath(new URL("../../support/browser/page-program.ts", import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "iife",
    globalName: "program",
    // What browsers of today have.
    target: "es2024",
    conditions: ["@netbind/source"],
    logLevel: "silent",
  });
  // Nothing of Node's is in such a context: no process, Buffer, require, URL, TextDecoder or timers.
  const context = createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
  runInContext(bundle.outputFiles[0]?.text ?? "", context);
  program = runInContext("program", context) as Program;
});

const VM = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: vm}
spec:
  domain:
    devices:
      interfaces:
        - name: red
          masquerade: {}
          ports: [{port: 80}]
  networks:
    - name: red
      pod: {}
`;

test("the bundle has all of these packages, and asks for nothing outside", () => {
  const inputs = Object.keys(bundle.metafile.inputs);
  for (const name of PURE)
    expect(
      inputs.some((path) => path.includes(`core/${name}/src/`)),
      name,
    ).toBe(true);
  expect(inputs.filter((path) => /^node:|core\/(local|netns|remote|cli|pod|kube|agent)\//.test(path))).toEqual([]);
  expect(Object.values(bundle.metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  expect([bundle.errors, bundle.warnings]).toEqual([[], []]);
});

test("the context has no runtime: what a page would not have is not there", () => {
  const names = ["process", "Buffer", "require", "TextDecoder", "atob", "setTimeout", "URL"];
  expect(
    runInContext(`[${names.map((name) => `typeof ${name}`).join(",")}].join()`, createContext(Object.create(null))),
  ).toBe(names.map(() => "undefined").join());
});

describe("a page says what Node says", () => {
  const WRONG = VM.replace("port: 80", "port: 0").replace("name: red\n      pod", "name: blue\n      pod");
  const TEXTS = [
    VM,
    WRONG,
    `${VM}---\na: [\n`,
    "a: 1\na: 2\n",
    `${"[".repeat(500)}`,
    VM.replaceAll("\n", "\r\n"),
    "- ü: !!binary w7w=\n",
  ];

  test.each(TEXTS)("validate %j", (text) => {
    expect(program.validate(text)).toBe(source.validate(text));
  });

  test("of a VM with mistakes, where they are and what to do", () => {
    expect(program.validate(VM)).toBe("1 VM: 0 violations, 0 warnings");
    expect(program.validate(WRONG)).toMatch(
      /^page\.yaml:\d+:\d+: error: \[[A-Z]+-\d+\] VirtualMachineInstance default\/\w+: spec\.[\s\S]*\n {4}fix: /,
    );
  });

  test("of a Secret, with a text beyond ASCII", () => {
    const secret = `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {key: ${Buffer.from("grüße 😀").toString("base64")}}\n`;
    expect(program.secretIn(secret, "s")).toBe("grüße 😀");
  });

  test("of removed bindings", () => {
    const text = VM.replace("masquerade: {}", "slirp: {} # old");
    expect(program.convert(text)).toBe(VM.replace("masquerade: {}", "binding: {name: slirp} # old"));
  });

  test("of a plan: rules, services and the domain, scanned and patched", async () => {
    const planned = await program.plan(VM);
    expect({ ...planned }).toEqual(await source.plan(VM));
    expect(planned.text).toContain("NIC red: binding masquerade");
    expect(planned.text).toContain("tcp dport 80");
    expect([...planned.nics, planned.emulator]).toEqual(["interface red", "emulator"]);
  });
});
