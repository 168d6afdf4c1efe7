/** What a shell completes: every command and option that there is, their values, and files; bash itself is asked. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { candidatesFor } from "../../../core/cli/src/completion/candidates.ts";
import { ASKED, FILES, SCRIPTS, SHELLS } from "../../../core/cli/src/completion/scripts.ts";
import { commandsOf, createProgram } from "../../../core/cli/src/program.ts";
import { COMPILED, SOURCE } from "../../support/guest/netbind.ts";

const program = createProgram(
  () => Promise.reject(new Error("nothing is composed")),
  () => Promise.reject(new Error("no action runs")),
);

/** The words of what may stand at the end of a line. */
async function complete(...words: readonly string[]): Promise<readonly string[] | "files"> {
  const found = await candidatesFor(program, words, {});
  return found === "files" ? found : found.map(({ word }) => word);
}

/** The words that lead to a command. */
function wayTo(command: Command): readonly string[] {
  return command.parent === null ? [] : [...wayTo(command.parent), command.name()];
}
const shown = commandsOf(program).filter((command) => !wayTo(command).some((word) => /^_|^exit-codes$/.test(word)));

describe.each(shown.map((command) => [["netbind", ...wayTo(command)].join(" "), command] as const))(
  "%s",
  (_, command) => {
    const way = wayTo(command);

    test("its commands and its options are offered by how they begin", async () => {
      for (const { long } of command.options.filter(({ hidden }) => !hidden)) {
        expect(await complete(...way, "-")).toContain(long);
        expect(await complete(...way, long?.slice(0, 5) ?? "")).toContain(long);
      }
      for (const inner of command.commands.filter((one) => shown.includes(one)))
        expect(await complete(...way, inner.name().slice(0, 2))).toContain(inner.name());
    });

    test("the values of options are offered behind them, and files where they are files", async () => {
      for (const { long = "", argChoices, flags, required } of command.options) {
        if (!required) continue;
        const values = argChoices ?? (/<(?:file|directory)|=file/.test(flags) ? "files" : []);
        expect(await complete(...way, long, ""), long).toEqual(values);
        const joined = typeof values === "string" ? values : values.map((value) => `${long}=${value}`);
        expect(await complete(...way, `${long}=`), long).toEqual(joined);
      }
    });
  },
);

test("arguments are choices, files behind the others, and what help knows", async () => {
  expect(await complete("completion", "")).toEqual(SHELLS);
  expect(await complete("validate", "-o", "json", "")).toBe("files");
  expect(await complete("validate", "a.yaml", "b")).toBe("files");
  expect(await complete("attach-nic", "vm", "")).toEqual([]);
  expect(await complete("attach-nic", "vm", "nic", "")).toBe("files");
  expect(await complete("completion", "bash", "")).toEqual([]);
  expect(await complete("help", "exit")).toEqual(["exit-codes"]);
  expect(await complete("nonsense", "x", "")).not.toBe("files");
  expect(await complete()).toContain("run");
});

test("each shell's script asks the command, and knows its word for files", () => {
  for (const shell of SHELLS)
    for (const word of [`netbind ${ASKED} -- `, FILES]) expect(SCRIPTS[shell]).toContain(word);
});

describe.runIf(existsSync("/bin/bash"))("bash", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "netbind-completion-"));
    mkdirSync(join(directory, "bin"));
    const netbind = join(directory, "bin/netbind");
    writeFileSync(netbind, `#!/bin/sh\nexec '${[process.execPath, ...SOURCE].join("' '")}' "$@"\n`);
    chmodSync(netbind, 0o755);
    for (const name of ["a vm.yaml", "a.json", "b.yaml"]) writeFileSync(join(directory, name), "");
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What bash makes of a line whose words it has cut. */
  function replies(...words: readonly string[]): readonly string[] {
    const script = `source <(netbind completion bash)
      complete -p netbind | grep -q -- '-F _netbind netbind' || exit 9
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _netbind netbind "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
      ((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync("/bin/bash", ["--norc", "-c", script, "bash", ...words], {
      cwd: directory,
      env: { PATH: `${directory}/bin:/usr/bin:/bin`, NODE_COMPILE_CACHE: COMPILED },
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
    return stdout.split("\n").slice(0, -1);
  }

  test.each([
    [["netbind", "val"], ["validate"]],
    [["netbind", "validate", "--out"], ["--output"]],
    [["netbind", "validate", "-o", "s"], ["sarif"]],
    // Bash cuts at "=".
    [
      ["netbind", "validate", "--output", "=", "j"],
      ["json", "junit"],
    ],
    [
      ["netbind", "validate", "--output", "="],
      ["text", "json", "yaml", "sarif", "junit", "github"],
    ],
    [
      ["netbind", "validate", "-f", "a"],
      ["a vm.yaml", "a.json"],
    ],
    [["netbind", "plan", "--grants", "=", "a.j"], ["a.json"]],
    [["netbind", "explain", "MACV"], ["MACVTAP-1"]],
    [["netbind", "explain", "VM_NOT"], ["VM_NOT_FOUND"]],
    [["netbind", "stop", ""], []],
  ])("%j: %j", (words, expected) => {
    expect([...replies(...words)].sort()).toEqual([...expected].sort());
  });
});
