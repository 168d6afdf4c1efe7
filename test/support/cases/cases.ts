/** Golden cases: a folder holds what a user wrote, and what becomes of it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const CASES = fileURLToPath(new URL("../../cases", import.meta.url));

/** What becomes of a case, each in a file of its own; which of them there are says it already. */
export const GOLDEN = {
  verdict: "verdict.json",
  versions: "versions.txt",
  warnings: "warnings.txt",
  refused: "refused.txt",
  /** What the machine's part of `run` refuses, and `plan`, which asks no machine, does not. */
  refusedByRun: "refused-by-run.txt",
  pod: "pod.json",
  plan: "plan.json",
  nft: "nft.txt",
  domain: "domain.xml",
} as const;

/** The link that a case's pod has, where it is another than the one that is assumed. */
export const POD_LINK = "pod-link.json";

/** The names of the cases: folders of `test/cases`. */
export const caseNames = (): readonly string[] =>
  readdirSync(CASES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** The files that a user wrote, the VM's first. */
export const inputsOf = (name: string): readonly string[] => {
  const files = readdirSync(join(CASES, name)).filter((file) => file.endsWith(".yaml"));
  return [...files.filter((file) => file.startsWith("vm")), ...files.filter((file) => !file.startsWith("vm")).sort()];
};

/** The arguments that name a case's input, for a command that is called in the case's folder. */
export const inputArgs = (name: string): readonly string[] => inputsOf(name).flatMap((file) => ["-f", file]);

export const hasGolden = (name: string, of: keyof typeof GOLDEN): boolean => existsSync(join(CASES, name, GOLDEN[of]));
export const readGolden = (name: string, of: keyof typeof GOLDEN): string =>
  readFileSync(join(CASES, name, GOLDEN[of]), "utf8");

/** A case as the table of `test/cases/README.md` has it. */
export interface ListedCase {
  readonly name: string;
  readonly verdict: string;
  readonly run: string;
  /** The tests that try it with a real guest, from the root of the repository; none where no guest starts. */
  readonly guests: readonly string[];
}

/** The lines of the table: what the guide shows, case, verdict, run, guest. */
export const listedCases = (): readonly ListedCase[] =>
  readFileSync(join(CASES, "README.md"), "utf8")
    .split("\n")
    .flatMap((line) => {
      const cells = line.split("|").map((cell) => cell.trim());
      const name = /^\[([a-z0-9-]+)\]\(\1\)$/.exec(cells[2] ?? "")?.[1];
      if (name === undefined) return [];
      const guests = [...(cells[5] ?? "").matchAll(/`(test\/[^`]+)`/g)].map(([, file = ""]) => file);
      return [{ name, verdict: cells[3] ?? "", run: cells[4] ?? "", guests }];
    });
