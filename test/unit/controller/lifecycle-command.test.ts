/** The command lines of the chart's hooks: what is read, and what is refused with a reason. */
import { expect, test } from "vitest";
import { readSpecs } from "../../../core/controller/src/lifecycle/apply-bindings.ts";
import { isLifecycleCommand, readLifecycleCommand } from "../../../core/controller/src/lifecycle/lifecycle-command.ts";

const PLACE = { namespace: "netbind", kubevirtNamespace: "kubevirt" };

test.each([
  [["check"], { command: "check" }],
  [["withdraw"], { command: "withdraw", force: false }],
  [["withdraw", "--force"], { command: "withdraw", force: true }],
  [["withdraw", "--release", "a:12"], { command: "withdraw", force: false, release: { name: "a", revision: 12 } }],
  [["apply-bindings", "/f"], { command: "apply-bindings", file: "/f", wait: 0 }],
  [["apply-bindings", "/f", "--wait=30"], { command: "apply-bindings", file: "/f", wait: 30 }],
])("%j is read", (args, command) => {
  expect(isLifecycleCommand(args)).toBe(true);
  expect(readLifecycleCommand(args)).toEqual({ ...PLACE, ...command });
});

test.each([
  [["chek"], '"chek" is not one of apply-bindings, check, withdraw'],
  [["check", "--force"], "--force: check has no such option"],
  [["check", "--release", "a:1"], "--release: check has no such option"],
  [["withdraw", "--release", "a"], '--release: "a" is not NAME:REVISION'],
  [["check", "now"], "check takes no argument"],
  [["withdraw", "a"], "withdraw takes no argument"],
  [["apply-bindings"], "apply-bindings takes one FILE"],
  [["apply-bindings", "a", "b"], "apply-bindings takes one FILE"],
  [["check", "--wait=1"], "--wait: check has no such option"],
  [["apply-bindings", "/f", "--wait=soon"], '--wait: "soon" is not a number of seconds from 0 to 999'],
  [["check", "--images", "f"], "Unknown option '--images'"],
])("%j is refused", (args, problem) => {
  expect(readLifecycleCommand(args)).toEqual({ problem: expect.stringContaining(problem) });
});

test("options alone are the controller's that serves", () => {
  expect([isLifecycleCommand(["--listen", "0.0.0.0:1"]), isLifecycleCommand([])]).toEqual([false, false]);
});

test.each(["", "[]", '{"passt": 1}', "{"])("%j is not a file of specs", (text) => {
  expect(() => readSpecs("f.json", () => text)).toThrow(/^f\.json: /);
});
