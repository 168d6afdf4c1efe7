/** Which image a sidecar runs from: registered, else this release's by digest, else a refusal that says what to do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Decision } from "@netbind/engine";
import { resolveBinding, type ResolvedBinding } from "@netbind/kubevirt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { refuseImageOptions, sidecarImages } from "../../../core/cli/src/plugins/sidecar-images.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const released = { masquerade: { image: "netbind/masquerade:0.0.0" }, slirp: { image: "netbind/slirp:0.0.0" } };
let directory: string;
let imageTable: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-image-table-"));
  imageTable = join(directory, "images.json");
  writeFileSync(
    imageTable,
    JSON.stringify({ masquerade: { image: "netbind/masquerade:1.2.3", digest: DIGEST, platforms: {} } }),
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

const none = new Map();
const own = () => ({ released, ownTable: join(directory, "none.json") });
const decided = (...bindings: readonly ResolvedBinding[]): Decision =>
  ({
    vmi: {
      metadata: { name: "one", namespace: "default" },
      spec: {
        domain: {
          devices: {
            interfaces: [
              { name: "a", masquerade: {} },
              { name: "b", binding: { name: "slirp" } },
            ],
          },
        },
      },
    },
    bindings,
  }) as unknown as Decision;

test("an image that is not registered is this release's, below the prefix and by its digest", () => {
  const { table, check, isImage } = sidecarImages({ registry: "r.example:5000/mirror", imageTable }, own(), none);
  const found = resolveBinding("masquerade", {}, { policy: "Always", table });
  expect(found).toMatchObject({ image: `r.example:5000/mirror/netbind/masquerade:1.2.3@${DIGEST}`, from: "fallback" });
  expect(check(decided(found as ResolvedBinding))).toEqual([]);
  expect(isImage("masquerade")).toBe(true);
});

test("a registered image needs neither registry nor table", () => {
  const { check } = sidecarImages({}, own(), none);
  expect(check(decided({ name: "masquerade", image: "x/y:1", from: "registered" }))).toEqual([]);
});

test("without a registry, and without a digest, each NIC is refused where its binding stands", () => {
  const bindings = Object.keys(released).map((name): ResolvedBinding => ({ name, image: name, from: "fallback" }));
  expect(sidecarImages({ imageTable }, own(), none).check(decided(...bindings))).toMatchObject([
    {
      rule: "IMAGE",
      field: "spec.domain.devices.interfaces[0].masquerade",
      fix: expect.stringContaining("--registry"),
    },
    { rule: "IMAGE", field: "spec.domain.devices.interfaces[1].binding.name" },
  ]);
  const { check } = sidecarImages({ registry: "r.example", imageTable }, own(), none);
  expect(check(decided(...bindings))).toMatchObject([
    {
      field: "spec.domain.devices.interfaces[1].binding.name",
      problem: expect.stringContaining("the digest of this release's image is not known"),
      fix: expect.stringContaining("npm run images -- slirp"),
    },
  ]);
});

test("a plugin of the command line runs from its bundle, whatever images there are", () => {
  const sources = new Map([["slirp", { kind: "file", path: "slirp.mjs" } as const]]);
  const { isImage, check } = sidecarImages({}, own(), sources);
  expect(isImage("slirp")).toBe(false);
  expect(check(decided({ name: "slirp", image: "slirp.mjs", from: "fallback" }))).toEqual([]);
});

test("what is not a valid prefix or table is refused by the option's name; so are options that nothing reads", () => {
  for (const registry of ["", "docker://r", "r/", "../r", "r example"])
    expect(() => sidecarImages({ registry, imageTable }, own(), none), registry).toThrow("--registry");
  expect(() => sidecarImages({ registry: "r", imageTable: join(directory, "x") }, own(), none)).toThrow(
    "--image-table",
  );
  writeFileSync(join(directory, "wrong.json"), '{"masquerade":{"image":"a","digest":"b"}}');
  expect(() => sidecarImages({ imageTable: join(directory, "wrong.json") }, own(), none)).toThrow(
    "it is not a table of images",
  );
  expect(() => refuseImageOptions({ registry: "r" })).toThrow("--registry is for --sidecars image");
  expect(() => refuseImageOptions({ imageTable: "t" })).toThrow("--image-table is for --sidecars image");
});
