/** Where container disks come from: a registry on loopback, and files of listed directories. */
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { cachedDiskPath } from "../../core/local/src/images/container-disk-cache.ts";
import { readImageSource } from "../../core/local/src/images/image-source.ts";
import { netbind } from "../support/guest/netbind.ts";
import { DISK, DISK_FILE, useDiskLab } from "../support/images/disk-lab.ts";
import { tarOf, writeLayout } from "../support/images/oci-layout.ts";

const { lab, fetch, contentOf, pushed, progress } = useDiskLab();

test("from a registry: by tag and by digest, pulled once, kept by digest, read by everybody and written by nobody", async () => {
  const digest = await pushed("some/disk:1", [[DISK_FILE]]);
  const disk = await fetch(`${lab().registry.host}/some/disk:1`);
  expect(disk).toMatchObject({ format: "raw", virtualSize: 70_144 });
  expect(contentOf(disk).subarray(0, DISK.length)).toEqual(DISK);
  expect(statSync(cachedDiskPath(lab().cache, disk.base)).mode & 0o777).toBe(0o444);
  expect(progress).toContain(`pulling the container disk ${lab().registry.host}/some/disk:1`);
  progress.length = 0;
  expect(await fetch(`docker://${lab().registry.host}/some/disk@${digest}`)).toEqual(disk);
  expect(await fetch(`${lab().registry.host}/some/disk:1`)).toEqual(disk);
  expect(progress).toEqual([]);
  expect(
    lab()
      .left()
      .filter((name) => name.startsWith("disk-")),
  ).toEqual([disk.base]);
});

test("a tag that moves is asked for again, and one that does not is not; Never takes what is there alone", async () => {
  await pushed("moving", [[DISK_FILE]]);
  const first = await fetch(`${lab().registry.host}/moving`);
  await pushed("moving", [[{ ...DISK_FILE, content: "another" }]]);
  expect((await fetch(`${lab().registry.host}/moving`, { pullPolicy: "IfNotPresent" })).base).toBe(first.base);
  expect((await fetch(`${lab().registry.host}/moving`, { pullPolicy: "Never" })).base).toBe(first.base);
  const second = await fetch(`${lab().registry.host}/moving`);
  expect(second.base).not.toBe(first.base);
  await expect(fetch(`${lab().registry.host}/never`, { pullPolicy: "Never" })).rejects.toThrow(
    "imagePullPolicy is Never",
  );
});

test("from files of a listed directory, whatever the compression and the form", async () => {
  for (const compression of ["none", "gzip", "zstd"] as const)
    expect(
      contentOf(await fetch(await lab().layoutOf([[DISK_FILE]], { compression })))
        .subarray(0, 9)
        .toString(),
    ).toBe("disk of a");
  const layout = await lab().layoutOf([[DISK_FILE]]);
  for (const form of ["oci-archive", "docker-archive"]) {
    const archive = `${form}:${join(lab().directory, `${form}.tar`)}:some/disk:1`;
    await exec(["skopeo", "--insecure-policy", "copy", "-q", layout, archive]);
    expect(
      contentOf(await fetch(archive))
        .subarray(0, 9)
        .toString(),
      form,
    ).toBe("disk of a");
  }
  expect(() => readImageSource("oci:/etc/x:image", { directories: [lab().directory], own: [] })).toThrow(
    "in no directory",
  );
  expect(() => readImageSource(`oci:${lab().directory}/../x`, { directories: [lab().directory], own: [] })).toThrow(
    "without . and ..",
  );
});

test("a link in a listed directory leads out of it for nobody", async () => {
  const outside = mkdtempSync("/var/tmp/netbind-outside-");
  try {
    writeLayout(join(outside, "layout"), { layers: [await tarOf([DISK_FILE])] });
    symlinkSync(join(outside, "layout"), join(lab().directory, "link"));
    await expect(fetch(`oci:${lab().directory}/link:image`)).rejects.toThrow("is not there");
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("what no image is named like is refused before anything is run", () => {
  for (const image of [
    "",
    "-v",
    "a b",
    "../x",
    "a/../b",
    "x@sha256:1",
    "x@sha256:1@y",
    "--help",
    "http://x/y",
    "dir:/etc",
    "x:y:z",
    "a\0b",
    "x".repeat(2000),
  ])
    expect(() => readImageSource(image, { directories: ["/"], own: [] }), image).toThrow("is not a valid image");
});

test("run and plan refuse what no image can be named like, where it stands, all at once, and begin nothing", async () => {
  const images = [`oci:${lab().directory}/../x`, "oci:/etc/x", "a b", "quay.io/x/y:1"];
  const names = images.map((_, at) => `d${at}`);
  const vm = {
    ...{ apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", metadata: { name: "one" } },
    spec: {
      domain: { devices: { disks: names.map((name) => ({ name, disk: {} })) } },
      volumes: images.map((image, at) => ({
        name: names[at],
        containerDisk: { image, path: at === 3 ? "../x" : "/d", ...(at === 3 ? { imagePullPolicy: "always" } : {}) },
      })),
    },
  };
  const env = { NETBIND_STATE_DIR: join(lab().directory, "state"), NETBIND_CACHE_DIR: lab().cache };
  for (const command of ["run", "plan"]) {
    const { code, stderr } = await netbind([command, "-f", "-", "--host-disk", lab().directory], {
      env,
      stdin: JSON.stringify(vm),
    });
    expect(code, stderr).toBe(3);
    for (const text of [
      "without . and ..",
      "in no directory that --host-disk lists",
      "is not a valid image",
      "is not a valid path of a disk",
      'imagePullPolicy "always" is not Always',
    ])
      expect(stderr).toContain(text);
    expect(stderr).toContain("spec.volumes[3].containerDisk.path");
  }
  expect(readdirSync(lab().directory)).toEqual([]);
  expect(() => readImageSource(`oci:${lab().cache}/x`, { directories: [lab().directory], own: [lab().cache] })).toThrow(
    "Netbind's own",
  );
});
