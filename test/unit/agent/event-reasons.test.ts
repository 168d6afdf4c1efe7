import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BindingError, ERROR_CODES } from "@netbind/contract";
import { HeldDirectory, MissingEntryError } from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  bindingSilent,
  missingNetwork,
  missingSidecarProcess,
  severalNamespaces,
  stubbornProcesses,
} from "../../../core/agent/src/errors.ts";
import { EVENT_REASONS, type EventReason, eventTexts } from "../../../core/agent/src/event-reasons.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-reasons-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the reasons are a list in the order of the alphabet, none of which is a binding's code", () => {
  const reasons = Object.keys(EVENT_REASONS);
  expect(reasons).toEqual([...reasons].sort());
  expect(reasons.filter((reason) => ERROR_CODES.some((code) => code === reason))).toEqual([]);
});

test("a binding's code is a Warning that brings its own next action", () => {
  for (const code of ERROR_CODES) expect(eventTexts(code satisfies EventReason)).toEqual({ type: "Warning" });
});

test("what keeps a pod from being attached has a reason that says what to do", () => {
  const errors = [
    bindingSilent("b", new Error("x")),
    missingNetwork(),
    missingSidecarProcess("x"),
    severalNamespaces(),
    stubbornProcesses("u", [1]),
  ];
  for (const { reason } of errors) {
    expect(eventTexts(reason)).toMatchObject({ type: "Warning", hint: expect.any(String) });
  }
});

test("what does not exist yet is told from what is in its place, whatever its name is", () => {
  const open = (name: string) => () => HeldDirectory.open(directory, [name]);
  symlinkSync(directory, join(directory, "does not exist yet"));
  mkdirSync(join(directory, "there"));
  expect(open("missing")).toThrow(MissingEntryError);
  expect(open("does not exist yet")).toThrow(BindingError);
  expect(open("does not exist yet")).not.toThrow(MissingEntryError);
  using _ = open("there")();
});
