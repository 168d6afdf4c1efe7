/** How images are named: what a registry is asked for, and what is refused before anything is. */
import { expect, test } from "vitest";
import { readImageSource, readRegistryImage } from "../../../core/local/src/images/image-source.ts";

const NONE = { directories: [], own: [] };
const DIGEST = `sha256:${"a".repeat(64)}`;

test.each([
  ["fedora:42", "docker://fedora:42", "fedora", "42", false],
  ["fedora", "docker://fedora", "fedora", undefined, true],
  ["docker.io/library/fedora:42", "docker://docker.io/library/fedora:42", "docker.io/library/fedora", "42", false],
  ["localhost:5000/x", "docker://localhost:5000/x", "localhost:5000/x", undefined, true],
  ["localhost:5000/x:latest", "docker://localhost:5000/x:latest", "localhost:5000/x", "latest", true],
  ["docker://r.example:5000/a/b_c/d--e:1.2_3", "docker://r.example:5000/a/b_c/d--e:1.2_3", undefined, "1.2_3", false],
  [`fedora:42@${DIGEST}`, `docker://fedora@${DIGEST}`, "fedora", "42", false],
  [`r:5000/x:1@${DIGEST}`, `docker://r:5000/x@${DIGEST}`, "r:5000/x", "1", false],
  // A registry may be called like one of skopeo's transports.
  ["oci:5000/x:1", "docker://oci:5000/x:1", "oci:5000/x", "1", false],
  ["docker://oci:1", "docker://oci:1", "oci", "1", false],
])("%s", (text, reference, repository, tag, moves) => {
  const source = readImageSource(text, NONE);
  expect(source).toMatchObject({ reference, moves, ...(repository === undefined ? {} : { repository }) });
  expect(source.tag).toBe(tag);
  expect(readRegistryImage(text)).toEqual(source);
});

test.each(["oci:disk", "oci:rel/dir:tag", "oci-archive:disk.tar", "docker-archive:disk.tar", "dir:x", "file:disk.img"])(
  "a file whose path is not absolute is not asked for at a registry: %s",
  (text) => {
    expect(() => readImageSource(text, NONE)).toThrow("with an absolute path");
    expect(() => readRegistryImage(text)).toThrow("it is taken from a registry alone");
  },
);

test.each(["Fedora:42", "r.example/X/y:1", "r.example/x__y/-z:1", "x..y:1"])(
  "a name that no registry has is refused where it stands: %s",
  (text) => expect(() => readImageSource(text, NONE)).toThrow("a registry's names are of lowercase letters"),
);

test("a sidecar's image is in no file, and no option would change that", () => {
  expect(() => readRegistryImage("oci:/x:tag")).toThrow("it is taken from a registry alone");
});

test("a layout may be the listed directory itself, and an archive is below one", () => {
  const policy = { directories: ["/usr"], own: [] };
  expect(readImageSource("oci:/usr:tag", policy).reference).toBe("oci:/source:tag");
  expect(readImageSource("oci:/usr/a b:tag", policy).reference).toBe("oci:/source/a b:tag");
  expect(() => readImageSource("oci-archive:/usr", policy)).toThrow("in no directory that --host-disk lists");
});
