import { resolveBinding } from "@netbind/kubevirt";
import { expect, test } from "vitest";

const FALLBACK = { policy: "Always", table: { masquerade: { image: "netbind/masquerade:1" } } } as const;

test("a binding is found by name: registered, by its attachment, by this release's image, or not at all", () => {
  const registered = {
    network: { binding: { masquerade: { sidecarImage: "r/m:2" }, tap: { domainAttachmentType: "tap" }, empty: {} } },
  };
  expect(resolveBinding("masquerade", registered, FALLBACK)).toEqual({
    name: "masquerade",
    image: "r/m:2",
    from: "registered",
  });
  expect(resolveBinding("tap", registered, FALLBACK)).toEqual({
    name: "tap",
    from: "domainAttachmentType",
    domainAttachmentType: "tap",
  });
  expect(resolveBinding("masquerade", {}, FALLBACK)).toEqual({
    name: "masquerade",
    image: "netbind/masquerade:1",
    from: "fallback",
  });
  expect(resolveBinding("masquerade", {}, { ...FALLBACK, policy: "Never" })).toMatchObject({
    problem: expect.stringContaining("policy"),
  });
  expect(
    resolveBinding("slirp", {}, { policy: "SlirpOnly", table: { slirp: { image: "s", digest: "sha256:1" } } }),
  ).toMatchObject({
    image: "s@sha256:1",
  });
  expect(resolveBinding("other", registered, FALLBACK)).toMatchObject({
    fix: expect.stringContaining("registered: empty, masquerade, tap"),
  });
  expect(resolveBinding("empty", registered, FALLBACK)).toMatchObject({
    problem: expect.stringContaining("neither sidecarImage"),
  });
  expect(resolveBinding("toString", registered, FALLBACK)).toHaveProperty("problem");
});
