import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LAW = "tools/import-law.json";
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "netbind-law-"));
  const isSource = (path: string): boolean =>
    !/[\\/](node_modules|dist|\.git)([\\/]|$)/.test(path.slice(ROOT.length - 1));
  const files = ["biome.json", ".gitignore", "package.json", "tsconfig.json", "pnpm-workspace.yaml", "ARCHITECTURE.md"];
  for (const name of [...files, LAW, "tools/path-law.json", "core", "plugins", "proto", "sidecars"])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, filter: isSource });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  spawnSync("git", ["init", "-q"], { cwd: copy });
});
afterAll(() => rmSync(copy, { recursive: true }));

/** The files in which Biome finds an import that is not allowed. */
function lint(): readonly string[] {
  const flags = ["--reporter=json", "--max-diagnostics=none"];
  const biome = join(ROOT, "node_modules/.bin/biome");
  const { stdout, status } = spawnSync(biome, ["lint", "core", "plugins", "sidecars", ...flags], {
    cwd: copy,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: readonly { readonly location: { readonly path: string } }[];
  };
  expect(status === 0, "Biome's exit code is of what it found").toBe(diagnostics.length === 0);
  return diagnostics.map(({ location }) => location.path);
}

/** What the check of manifests says of the tree; nothing where all is well. */
function problems(): string {
  const { stderr, status } = spawnSync(process.execPath, [join(ROOT, "tools/check-manifests.mjs"), copy], {
    encoding: "utf8",
  });
  expect(status === 0, "the check's exit code is of what it found").toBe(stderr === "");
  return stderr;
}

/** Runs the generator on the tree: what it says, and whether it was content. */
function generate(...flags: readonly string[]): { readonly printed: string; readonly status: number | null } {
  const { stderr, status } = spawnSync(process.execPath, [join(ROOT, "tools/gen-law.mjs"), ...flags, copy], {
    encoding: "utf8",
  });
  return { printed: stderr, status };
}

/** Changes a file of the tree for as long as something is looked at. */
function changed<T>(file: string, change: (text: string) => string, look: () => T): T {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  const other = change(text);
  expect(other, `${file} has what is to be changed`).not.toBe(text);
  writeFileSync(path, other);
  try {
    return look();
  } finally {
    writeFileSync(path, text);
  }
}

test("the tree obeys", () => expect([lint(), problems()]).toEqual([[], ""]));

/** What a folder's file imports and may not. */
const planted: Readonly<Record<string, readonly [string, string]>> = {
  "a plugin imports the engine": ["plugins/masquerade/src", 'export { authorize } from "@netbind/engine";'],
  "a plugin imports a module of the runtime": ["plugins/masquerade/src", 'export { readFileSync } from "node:fs";'],
  "a plugin imports another plugin": [
    "plugins/masquerade/src",
    'export { default as other } from "@netbind/plugin-bridge";',
  ],
  "the engine touches files": ["core/engine/src", 'export { readFileSync } from "node:fs";'],
  "the contract imports anything": ["core/contract/src", 'export { nicMac } from "@netbind/engine";'],
  "the host on one machine imports the one on Kubernetes": [
    "core/local/src",
    'export { NodeAgent } from "@netbind/agent";',
  ],
  "gRPC outside its packages": ["core/netns/src", 'export { Server } from "@grpc/grpc-js";'],
  "a type from where none may come": ["core/contract/src", 'export type Planted = import("@netbind/kubevirt").Vmi;'],
  "a door that is not allowed": ["sidecars/src", 'export { connectBinding } from "@netbind/remote/binding";'],
  "a package of others that is not allowed": ["core/netns/src", 'export { pino } from "pino";'],
  "a composition root's tool elsewhere": ["core/cli/src/commands", 'export { container } from "tsyringe";'],
  "a plugin beside the agent's composition root": [
    "core/agent/src",
    'export { default as planted } from "@netbind/plugin-masquerade";',
  ],
  "a plugin outside the composition root": [
    "core/cli/src",
    'export { default as planted } from "@netbind/plugin-masquerade";',
  ],
};

/** Files that work by path beside VMs. */
const byPath: readonly (readonly [string, string])[] = [
  ["core/local/src", 'export { writeFileSync } from "node:fs";'],
  ["core/local/src/launcher", 'import { rm } from "node:fs/promises";\nexport const planted = rm;'],
  ["core/netns/src", 'export const planted = await import("fs");'],
];

describe("files that are planted", () => {
  const files: readonly (readonly [string, string])[] = [...Object.values(planted), ...byPath].map(
    ([folder, text], at) => [`${folder}/planted-${at}.ts`, text],
  );
  const fileOf = (text: string): string => files.find(([, one]) => one === text)?.[0] ?? "";
  let found: { readonly linted: readonly string[]; readonly printed: string };
  // Each is found by its name, so one look at all of them is enough.
  beforeAll(() => {
    for (const [file, text] of files) writeFileSync(join(copy, file), `${text}\n`);
    found = { linted: lint(), printed: problems() };
    for (const [file] of files) rmSync(join(copy, file));
  });

  test.each(byPath)("one in %s works on files by path beside VMs: a check fails", (_, text) => {
    expect(found.printed).toMatch(new RegExp(`^${fileOf(text)}: works on files by path`, "m"));
  });

  test.each(Object.entries(planted))("%s: a check fails", (_, [, text]) => {
    expect(found.printed).toMatch(new RegExp(`^${fileOf(text)}: .*may not use`, "m"));
    // Biome reads no import in the place of a type.
    if (!text.includes("import(")) expect(found.linted).toContain(fileOf(text));
  });

  test("nothing else is found", () => {
    const others = [...found.linted, ...found.printed.trim().split("\n")].filter((one) => !/planted-\d+\.ts/.test(one));
    expect(others).toEqual([]);
  });
});

test("a composition root that imports what it may not: a check fails", () => {
  const root = "core/agent/src/main.ts";
  const more = (text: string): string => `${text}export { Command } from "commander";\n`;
  const found = changed(root, more, () => ({ linted: lint(), printed: problems() }));
  expect(found).toEqual({ linted: [root], printed: expect.stringContaining(`${root}: may not use commander`) });
});

const plantedLaws: Readonly<Record<string, readonly [string, string, RegExp]>> = {
  "a circle": [
    '"imports": ["@netbind/contract"]',
    '"imports": ["@netbind/contract", "@netbind/netns"]',
    /circle.*core\/engine/,
  ],
  "a door that is none": [
    "@netbind/remote/sidecar",
    "@netbind/remote/planted",
    /core\/pod may import @netbind\/remote\/planted, which is not/,
  ],
  "a root that is none": [
    "src/compose.ts",
    "src/planted.ts",
    /core\/cli has the root src\/planted\.ts, which is not a file/,
  ],
  "an entry without a folder": ['"core/kube": {', '"core/planted": {', /core\/planted has no package\.json/],
  "a folder without an entry": ['"core/kube": {', '"core/planted": {', /core\/kube: .* has no entry/],
  "a field that the law does not know": ['"besideVms"', '"besideVm"', /core\/netns has "besideVm"/],
  "an entry without its sentence": ['"about": "One binding each.",', "", /plugins\/\* has no "about"/],
  "a field of another type": [
    '"node": false',
    '"node": "no"',
    /core\/contract has a "node" that is not of the type boolean/,
  ],
};

for (const [what, [from, to, printed]] of Object.entries(plantedLaws))
  test(`the law has ${what}: the check says so`, () => {
    expect(changed(LAW, (text) => text.replace(from, to), problems)).toMatch(printed);
  });

/** What the check says of one file more in the controller. */
function inController(text: string): string {
  const file = join(copy, "core/controller/src/planted.ts");
  writeFileSync(file, `${text}\n`);
  try {
    return problems();
  } finally {
    rmSync(file);
  }
}

test.each([
  'export { exec } from "@netbind/netns";',
  'export { attachSidecar } from "@netbind/remote/sidecar";',
  'export { startVm } from "@netbind/local";',
  'export { NodeAgent } from "@netbind/agent";',
  'export { releasedPlugins } from "@netbind/bindings";',
])("the controller cannot touch a kernel or a pod: %s", (text) => {
  expect(inController(text)).toMatch(/core\/controller\/src\/planted\.ts: may not use @netbind\//);
});

test("what the controller is for it may import", () => {
  expect(inController('export { connectBinding } from "@netbind/remote/binding";')).toBe("");
});

test("a reserved package that is there: the check says to take it at its word", () => {
  expect(
    changed(LAW, (law) => law.replace('"besideVms": true', '"besideVms": true, "reserved": true'), problems),
  ).toMatch(/core\/netns is there: remove "reserved"/);
});

test.each(["core", "plugins"])(
  "a folder below %s that has sources alone: the check says that the law has no entry",
  (parent) => {
    const folder = join(copy, parent, "planted");
    mkdirSync(join(folder, "src"), { recursive: true });
    const printed = problems();
    rmSync(folder, { recursive: true });
    expect(printed).toMatch(new RegExp(`^${parent}/planted: tools/import-law\\.json has no entry`));
  },
);

const plantedManifests: Readonly<Record<string, readonly [string, string, string, RegExp]>> = {
  "a dependency that no source uses": [
    "core/netns/package.json",
    '"dependencies": {',
    '"dependencies": { "@netbind/remote": "workspace:^",',
    /core\/netns\/package\.json: depends on @netbind\/remote, which no source uses/,
  ],
  "a use without a dependency": [
    "sidecars/package.json",
    '"pino"',
    '"pina"',
    /sidecars\/package\.json: src uses pino \(src\/serve\.ts\) without depending on it/,
  ],
};

for (const [what, [file, from, to, printed]] of Object.entries(plantedManifests))
  test(`a manifest has ${what}: the check says so`, () => {
    expect(changed(file, (text) => text.replace(from, to), problems)).toMatch(printed);
  });

const byHand: Readonly<Record<string, readonly [string, string]>> = {
  "biome.json": ['"!@netbind/remote/sidecar",', '"!@netbind/remote/sidecar", "!@netbind/remote",'],
  "tsconfig.json": ['"path": "proto"', '"path": "prota"'],
  "core/netns/tsconfig.json": ['"path": "../engine"', '"path": "../remote"'],
  "ARCHITECTURE.md": ["| One binding each.", "| Some binding each."],
  [LAW]: ["One binding each.", "A binding each."],
};

test("what is generated is there", () => expect(generate("--check")).toEqual({ printed: "", status: 0 }));

for (const [file, [from, to]] of Object.entries(byHand))
  test(`${file} changed by hand: the check names what differs, and gen writes it`, () => {
    const before = readFileSync(join(copy, "ARCHITECTURE.md"), "utf8");
    changed(
      file,
      (text) => text.replace(from, to),
      () => {
        const { printed, status } = generate("--check");
        expect(printed).toContain(`${file === LAW ? "ARCHITECTURE.md" : file} differs`);
        expect(status).toBe(1);
        expect(generate().status).toBe(0);
        expect(generate("--check")).toEqual({ printed: "", status: 0 });
      },
    );
    if (file === LAW) writeFileSync(join(copy, "ARCHITECTURE.md"), before);
  });

test("what is written by hand in biome.json stays", () => {
  const rule = '"noExplicitAny": "error"';
  const kept = changed(
    "biome.json",
    (text) => text.replace(rule, '"noExplicitAny": "warn"'),
    () => [generate().status, readFileSync(join(copy, "biome.json"), "utf8").includes('"noExplicitAny": "warn"')],
  );
  expect(kept).toEqual([0, true]);
});

/** The folders that a bundle is built again for, as the build asks for them. */
function closure(folder: string): readonly string[] {
  const script = `import { closureOf } from ${JSON.stringify(join(ROOT, "tools/law.mjs"))};
    console.log(JSON.stringify(closureOf(${JSON.stringify(copy)}, ${JSON.stringify(folder)})));`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return (JSON.parse(stdout) as readonly string[]).filter(
    (found) => dirname(found) !== "plugins" || found === "plugins/passt",
  );
}

test("a bundle is built of what the law lets its package lead to", () => {
  const common = ["core/contract", "core/domain", "core/remote", "plugins/passt", "proto"];
  expect(closure("sidecars")).toEqual([...common, "sidecars"]);
  expect(closure("core/agent")).toEqual(
    [
      ...common,
      ...["agent", "bindings", "engine", "kube", "kubevirt", "netns", "pod"].map((name) => `core/${name}`),
    ].sort(),
  );
});
