/** What a person reads of a VM that was started, or stopped meanwhile. */
import type { VmStatus } from "@netbind/local";
import { afterEach, expect, test, vi } from "vitest";
import { reportStarted } from "../../../core/cli/src/vms/report-vm.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const status = (guestAddresses: readonly string[]): VmStatus =>
  ({
    ...{ namespace: "lab", name: "web", phase: "running" },
    nics: [
      {
        ...{ name: "pods", binding: "masquerade", mac: "02:00:00:00:00:01", podAddresses: [], ports: [] },
        ...{ guestAddresses, plannedAddresses: 1, traffic: { fromGuest: false, toGuest: false } },
      },
    ],
  }) as unknown as VmStatus;

/** What is written to a stream meanwhile. */
function captured(stream: NodeJS.WriteStream): readonly string[] {
  const texts: string[] = [];
  vi.spyOn(stream, "write").mockImplementation((text) => {
    texts.push(String(text));
    return true;
  });
  return texts;
}

function said(guestAddresses: readonly string[], isStopped: boolean): { readonly out: string; readonly told: string } {
  const [out, told] = [captured(process.stdout), captured(process.stderr)];
  reportStarted(status(guestAddresses), isStopped, "text");
  vi.restoreAllMocks();
  return { out: out.join(""), told: told.join("") };
}

test("a VM that is stopped while its guest boots is not said to run, nor to boot yet", () => {
  const { out, told } = said([], true);
  expect(out).toBe("");
  expect(told).toBe("netbind: VM lab/web is stopped before its guest has taken its address\n");
});

test("a VM whose guest was seen, or is waited for no longer, is said to run", () => {
  expect(said(["10.0.2.2"], true).out).toContain("VM lab/web is running");
  const late = said([], false);
  expect(late.out).toContain("VM lab/web is running");
  expect(late.told).toContain("may still be booting");
});
