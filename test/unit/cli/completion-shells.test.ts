/** What zsh and fish make of a line, as somebody types it: the shells themselves are asked. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMPILED, SOURCE } from "../../support/guest/netbind.ts";

const ZSH_DRIVER = fileURLToPath(new URL("../../support/shells/complete.zsh", import.meta.url));
const DEADLINE = 50_000;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-shells-"));
  for (const name of ["bin", "answers", "files", "files/below"]) mkdirSync(join(directory, name));
  const netbind = join(directory, "bin/netbind");
  writeFileSync(netbind, `#!/bin/sh\nexec '${[process.execPath, ...SOURCE].join("' '")}' "$@"\n`);
  chmodSync(netbind, 0o755);
  for (const name of ["a vm.yaml", "a.json", "b.yaml"]) writeFileSync(join(directory, "files", name), "");
});
afterAll(() => rmSync(directory, { recursive: true }));

function ask(shell: string, ...args: readonly string[]): readonly string[] {
  const env = {
    ...{ PATH: `${directory}/bin:/usr/bin:/bin`, HOME: directory, TERM: "dumb", LC_ALL: "C.UTF-8" },
    NODE_COMPILE_CACHE: COMPILED,
  };
  const options = { cwd: join(directory, "files"), env, encoding: "utf8", timeout: DEADLINE } as const;
  const { status, stdout, stderr } = spawnSync(shell, args, options);
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").slice(0, -1);
}

/** What each shell offers in the place of a line's last word. */
const OFFERS = {
  zsh: (line: string): readonly string[] => {
    const words = ask("zsh", "-f", ZSH_DRIVER, line, join(directory, "answers"));
    return words.slice(line.split(" ").length - 1).filter((word) => word !== "");
  },
  fish: (line: string): readonly string[] => {
    const script = "netbind completion fish | source; complete -C $argv[1]";
    return ask("fish", "--no-config", "-c", script, line).map((offer) => offer.split("\t")[0] ?? "");
  },
};

describe.each(Object.entries(OFFERS))("%s", (_, offers) => {
  test.each([
    ["netbind val", ["validate"]],
    ["netbind validate --out", ["--output"]],
    ["netbind validate -o s", ["sarif"]],
    ["netbind validate --output=j", ["--output=json", "--output=junit"]],
    ["netbind validate -f a", ["a vm.yaml", "a.json"]],
    ["netbind plan --grants a.j", ["a.json"]],
    ["netbind plan --grants=a.j", ["--grants=a.json"]],
    ["netbind explain MACV", ["MACVTAP-1"]],
    ["netbind explain VM_NOT", ["VM_NOT_FOUND"]],
    ["netbind stop ", []],
  ])("%s: %j", (line, expected) => {
    expect([...offers(line)].sort()).toEqual([...expected].sort());
  });
});
