/**
 * Cuts the contract's protobuf out of SPEC.md and generates the TypeScript from all definitions.
 * With --check it writes nothing and fails where the tree differs from what it would write.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bin = (name) => join(here, "node_modules/.bin", name);

/** ts-proto's options, as the generated code is imported: from source, under strict settings. */
const OPTIONS = [
  "outputServices=grpc-js",
  "esModuleInterop=true",
  "importSuffix=.ts",
  "env=node",
  "oneof=unions-value",
  "forceLong=bigint",
  "useExactTypes=false",
  "useReadonlyTypes=true",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  "annotateFilesWithVersion=false",
];

/** The blocks of SPEC.md that belong to one file, in their order. */
function cut(spec, file) {
  const blocks = [...spec.matchAll(/^```protobuf file=(\w+)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === file);
  return `// Cut from SPEC.md: change it there.\n${blocks.map(([, , text]) => text).join("\n")}`;
}

/** Writes definitions and generated code below a directory. */
function generate(target) {
  const spec = readFileSync(join(here, "SPEC.md"), "utf8");
  if (target !== here) cpSync(join(here, "defs/kubevirt"), join(target, "defs/kubevirt"), { recursive: true });
  mkdirSync(join(target, "defs/netbind/v1alpha1"), { recursive: true });
  for (const file of ["binding", "sidecar"])
    writeFileSync(join(target, `defs/netbind/v1alpha1/${file}.proto`), cut(spec, file));
  const out = join(target, "src/gen");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(target, "defs/buf.yaml"), "version: v2\n");
  const plugin = { local: bin("protoc-gen-ts_proto"), out, opt: OPTIONS };
  const template = JSON.stringify({ version: "v2", plugins: [plugin] });
  execFileSync(bin("buf"), ["generate", "--template", template, "."], {
    cwd: join(target, "defs"),
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** Every file below a directory, with its text. */
function read(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(directory.length), readFileSync(path, "utf8")]);
}

if (process.argv.includes("--check")) {
  const target = mkdtempSync(join(tmpdir(), "netbind-gen-"));
  try {
    generate(target);
    const differs = ["defs", "src/gen"].filter(
      (part) => JSON.stringify(read(join(target, part))) !== JSON.stringify(read(join(here, part))),
    );
    if (differs.length > 0) {
      console.error(
        `proto/${differs.join(" and proto/")} are not what SPEC.md and the definitions say: run "npm run gen"`,
      );
      process.exit(1);
    }
  } finally {
    rmSync(target, { recursive: true });
  }
} else {
  generate(here);
}
