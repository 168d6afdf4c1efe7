/** The workspace's tasks: `node tools/run.mjs TASK [ARGUMENT...]`. The root package's scripts call it. */
import { spawnSync } from "node:child_process";
import {
  bootstrap,
  buildAgent,
  buildCommand,
  buildController,
  buildSidecars,
  innerEnv,
  nodePath,
  root,
} from "./bootstrap.mjs";
import { runSource } from "./spawn-last.mjs";
import { ensureSystemPackages } from "./system-packages.mjs";
import { allRuns, runTests } from "./test-tiers.mjs";

const [task, ...args] = process.argv.slice(2);

function must(what, argv) {
  console.error(`netbind: ${what}`);
  const { status } = spawnSync(argv[0], argv.slice(1), { cwd: root, env: innerEnv(), stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

const local = (name) => `${root}/node_modules/.bin/${name}`;

function check() {
  must("what follows from the import law", [nodePath(), "tools/gen-law.mjs", "--check"]);
  must("types", [local("tsc"), "-b"]);
  must("types of tests", [local("tsc"), "-p", "test/tsconfig.json"]);
  must("types of tools", [local("tsc"), "-p", "tools/tsconfig.json"]);
  must("format, lint and import law", [local("biome"), "check", "--error-on-warnings"]);
  must("manifests and locks", [nodePath(), "tools/check-manifests.mjs"]);
  must("texts", [nodePath(), "tools/check-texts.mjs"]);
  must("generated code", [nodePath(), "proto/gen.mjs", "--check"]);
}

const tasks = {
  bench: () => {
    ensureSystemPackages(["test", "bench", "images", "cluster"]);
    must("types", [local("tsc"), "-b"]);
    buildSidecars();
    buildAgent();
    buildController();
    buildCommand();
    runSource("test/bench/main.ts", args);
  },
  build: () => {
    must("types", [local("tsc"), "-b"]);
    buildSidecars();
    buildAgent();
    buildController();
    buildCommand();
  },
  check,
  cluster: () => {
    ensureSystemPackages(["cluster"]);
    runSource("test/support/cluster/main.ts", args);
  },
  demo: () => {
    ensureSystemPackages();
    buildSidecars();
    runSource("test/demo/demo.ts", args);
  },
  format: () => must("format", [local("biome"), "check", "--write"]),
  images: () => {
    ensureSystemPackages(["images"]);
    buildSidecars();
    buildAgent();
    buildController();
    runSource("tools/images/main.ts", args);
  },
  gen: () => {
    must("generate from the import law", [nodePath(), "tools/gen-law.mjs"]);
    must("generate from the specification", [nodePath(), "proto/gen.mjs"]);
  },
  test: () => {
    ensureSystemPackages(["test", "images", "cluster"]);
    buildSidecars();
    buildAgent();
    buildController();
    buildCommand();
    check();
    process.exit(
      runTests(
        ["unit", "kernel", "api", "cluster", "e2e"].map((tier) => ({ tier })),
        args,
      ),
    );
  },
  "test:all": () => {
    ensureSystemPackages(["test", "images", "cluster", "nested", "slow"]);
    buildSidecars();
    buildAgent();
    buildController();
    buildCommand();
    check();
    process.exit(runTests(allRuns(), args));
  },
  vectors: () => runSource("test/vectors/main.ts", args),
};

if (!(task in tasks)) {
  console.error(`usage: node tools/run.mjs ${Object.keys(tasks).join(" | ")}`);
  process.exit(2);
}
bootstrap();
tasks[task]();
