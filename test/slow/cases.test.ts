/** The golden cases that run on this machine, each by its own files; a guest that would be another's twin is not waited for. */
import { test } from "vitest";
import { readGolden } from "../support/cases/cases.ts";
import { useLab } from "../support/guest/lab.ts";
import { casesTriedBy, tryCase } from "../support/cases/run-case.ts";

const lab = useLab();
const names = casesTriedBy("test/slow/cases.test.ts");
const netOf = (name: string): string => readGolden(name, "plan") + readGolden(name, "domain");
const isTwin = (name: string, at: number): boolean => names.findIndex((other) => netOf(other) === netOf(name)) < at;

for (const [at, name] of names.entries()) {
  const guest = !isTwin(name, at);
  test(`case ${name}${guest ? "" : ", whose guest was seen"}`, { timeout: 500_000 }, () => tryCase(lab, name, guest));
}
