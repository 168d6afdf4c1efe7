/** Each golden case by the real commands: what `validate` says of it, and what `plan` makes of it. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type KubevirtMinor, NEWEST_KUBEVIRT, formatVersion } from "@netbind/kubevirt";
import { beforeAll, expect, test } from "vitest";
import type { InputFinding } from "../../../core/input/src/input-finding.ts";
import { validateInput } from "../../../core/input/src/validate-input.ts";
import { loadInput } from "../../../core/cli/src/input/load-input.ts";
import {
  caseNames,
  CASES,
  GOLDEN,
  hasGolden,
  inputArgs,
  inputsOf,
  listedCases,
  POD_LINK,
  readGolden,
} from "../../support/cases/cases.ts";
import { OWN_BINDINGS } from "../../support/cases/own-bindings.ts";
import type { Outcome } from "../../support/guest/netbind.ts";
import { useNetbind } from "../../support/guest/use-netbind.ts";

interface Planned {
  readonly pod: object;
  readonly nics: readonly { readonly nftables: string }[];
  readonly domainXml: string;
}

/** What a verdict comes to, in the words of the table. */
const WORDS: Readonly<Record<InputFinding["consequence"], string>> = {
  rejected: "refused",
  neverStarts: "accepted, cannot work",
  pending: "accepted, waits",
  ignored: "accepted, partly without effect",
};
const WORST_FIRST = ["rejected", "neverStarts", "pending", "ignored"] as const;

function wordOf(verdicts: readonly Pick<InputFinding, "consequence">[]): string {
  const worst = WORST_FIRST.find((one) => verdicts.some(({ consequence }) => consequence === one));
  return worst === undefined ? "accepted" : WORDS[worst];
}

/** What each version of KubeVirt says, by the rules that are broken: versions that say the same share a line. */
function formatVersions(name: string): string {
  const input = loadInput({ filename: inputsOf(name).map((file) => join(CASES, name, file)) });
  const minors = Array.from({ length: NEWEST_KUBEVIRT }, (_, at) => (at + 1) as KubevirtMinor);
  const said = minors.map((kubevirtVersion) => {
    const verdicts = validateInput(input, { kubevirtVersion, operation: "create" }, OWN_BINDINGS);
    const rules = [...new Set(verdicts.map(({ rule }) => rule))].sort();
    return `${wordOf(verdicts)}${rules.length === 0 ? "" : ` (${rules.join(", ")})`}`;
  });
  return minors
    .filter((_, at) => said[at] !== said[at - 1])
    .map((first) => {
      const last =
        minors.findLast((minor) => said.slice(first - 1, minor).every((text) => text === said[first - 1])) ?? first;
      return `${formatVersion(first)}${last === first ? "" : ` to ${formatVersion(last)}`}: ${said[first - 1]}\n`;
    })
    .join("");
}

const shown = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const formatRefusal = ({ code, stderr }: Outcome): string => `${stderr}exit code ${code}\n`;

/** The golden files of what `plan` said, by name. */
function planFiles(planned: Outcome): Readonly<Record<string, string>> {
  const { code, stdout, stderr } = planned;
  if (code !== 0) return { [GOLDEN.refused]: formatRefusal(planned) };
  const { pod, nics, domainXml } = JSON.parse(stdout) as Planned;
  return {
    ...(stderr === "" ? {} : { [GOLDEN.warnings]: stderr }),
    [GOLDEN.pod]: shown(pod),
    [GOLDEN.plan]: shown(nics.map(({ nftables: _, ...nic }) => nic)),
    [GOLDEN.nft]: nics.map(({ nftables }) => nftables).join("\n"),
    [GOLDEN.domain]: domainXml,
  };
}

/** What the commands said of a case, in its folder. */
interface Said {
  readonly judged: Outcome;
  readonly planned: Outcome;
  /** Of a case that `run` refuses. */
  readonly run?: Outcome;
}

/** No VM could be started here: what `run` refuses, it refuses before it makes anything. */
const NOWHERE = { NETBIND_STATE_DIR: "/etc/passwd/netbind" };

const isRefusedByRun = (name: string): boolean => hasGolden(name, "refused") || hasGolden(name, "refusedByRun");

const netbind = useNetbind();
let said: ReadonlyMap<string, Said>;
beforeAll(async () => {
  const calls = caseNames().flatMap((name) => {
    const cwd = join(CASES, name);
    const link = existsSync(join(cwd, POD_LINK)) ? ["--pod-link", POD_LINK] : [];
    const call = (command: string, ...more: readonly string[]) => ({
      cwd,
      args: [command, "-o", "json", ...more, ...inputArgs(name)],
    });
    return [
      { name, as: "judged", ...call("validate") },
      { name, as: "planned", ...call("plan", ...link) },
      ...(isRefusedByRun(name) ? [{ name, as: "run", ...call("run") }] : []),
    ];
  });
  const outcomes = await Promise.all(calls.map(({ args, cwd }) => netbind(args, { cwd, env: NOWHERE })));
  const of = (name: string, as: string): Outcome | undefined =>
    outcomes[calls.findIndex((one) => one.name === name && one.as === as)];
  said = new Map(
    caseNames().map((name) => {
      const [judged, planned, run] = ["judged", "planned", "run"].map((as) => of(name, as));
      if (judged === undefined || planned === undefined) throw new Error(`case ${name} was not asked about`);
      return [name, { judged, planned, ...(run === undefined ? {} : { run }) }];
    }),
  );
});

/** `npm test -- -u` writes the results of the cases again. */
test.for(caseNames())("case %s", async (name) => {
  const folder = join(CASES, name);
  const { judged, planned, run } = said.get(name) ?? expect.fail(`nobody asked of ${name}`);
  const files: Readonly<Record<string, string>> = {
    [GOLDEN.verdict]: shown({ exitCode: judged.code, ...(JSON.parse(judged.stdout) as object) }),
    [GOLDEN.versions]: formatVersions(name),
    ...planFiles(planned),
    ...(run === undefined || planned.code !== 0 ? {} : { [GOLDEN.refusedByRun]: formatRefusal(run) }),
  };
  if (run !== undefined && planned.code !== 0)
    expect(formatRefusal(run), "run refuses what plan does").toBe(formatRefusal(planned));
  for (const [file, text] of Object.entries(files)) await expect(text, file).toMatchFileSnapshot(join(folder, file));
  const goldens = new Set<string>(Object.values(GOLDEN));
  expect(
    readdirSync(folder).filter((file) => goldens.has(file) && !(file in files)),
    "files of what it was before",
  ).toEqual([]);
});

test("the table of cases lists each folder once, with what becomes of it", () => {
  const listed = listedCases();
  expect(listed.map(({ name }) => name).sort()).toEqual(caseNames());
  for (const { name, verdict, run, guests } of listed) {
    const { violations, warnings } = JSON.parse(readGolden(name, "verdict")) as Readonly<
      Record<string, readonly InputFinding[]>
    >;
    const isRefused = isRefusedByRun(name);
    expect(verdict, name).toBe(wordOf([...(violations ?? []), ...(warnings ?? [])]));
    expect(run, name).toBe(isRefused ? "refused" : hasGolden(name, "warnings") ? "runs, with a warning" : "runs");
    expect(guests.length > 0, `${name}: a guest where it runs, and none where it is refused`).toBe(!isRefused);
    for (const file of guests) expect(existsSync(join(CASES, "../..", file)), `${name}: ${file}`).toBe(true);
  }
});
