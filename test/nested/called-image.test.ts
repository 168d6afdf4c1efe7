/** A binding's image within the memory that KubeVirt gives a guaranteed VM's sidecar, on a machine with control groups. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuiltImages, type UnpackedImage } from "../support/kube/built-images.ts";
import { SIDECAR_MEMORY } from "../support/kube/kube-container.ts";
import type { SeenImage } from "../support/nested/call-image.ts";
import { IMAGE_ROOT, startWithImage } from "../support/nested/image-machine.ts";
import type { NestedMachine } from "../support/nested/nested-machine.ts";

const CALLS = 1000;
/** Of a processor in software. */
const DEADLINE = 40 * 60_000;
const PAGE = 4096;

const directory = mkdtempSync(join(tmpdir(), "netbind-called-"));
let images: BuiltImages;
let image: UnpackedImage;
let machine: NestedMachine;

beforeAll(async () => {
  images = await BuiltImages.build(["passt"], join(directory, "images"));
  image = await images.unpack("passt", "amd64");
  machine = await startWithImage(image, directory);
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  images?.[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

test(`${CALLS} calls of a large domain, each over a new connection, do with a sidecar's memory: nothing is ended for want of it`, async () => {
  const printed = await machine.sh(`call-image ${IMAGE_ROOT} '${JSON.stringify(image.process)}' ${CALLS}`, DEADLINE);
  const seen = JSON.parse(printed) as SeenImage;
  expect(seen.memoryLimit).toBe(SIDECAR_MEMORY - (SIDECAR_MEMORY % PAGE));
  expect(seen.domainBytes).toBeGreaterThanOrEqual(64_000);
  expect(seen).toMatchObject({ outOfMemory: 0, replaced: 0 });
  expect(seen.times).toHaveLength(CALLS);
  expect(seen.domains).toEqual([expect.stringContaining("<interface type='vhostuser'>")]);
  const [first, last] = seen.memory;
  // Its files' share is what can be dropped and read again; what is its own grows by what V8 compiles, and then no more.
  expect(last?.own ?? Number.NaN).toBeLessThan((first?.own ?? 0) + 16_000_000);
  console.error(
    JSON.stringify({ memory: seen.memory, times: [1, 10, 100, 500, 1000].map((at) => seen.times[at - 1]) }),
  );
});
