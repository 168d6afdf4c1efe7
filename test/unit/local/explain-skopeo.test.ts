/** What skopeo's words are to the person who asked for an image: each as skopeo 1.9 wrote it. */
import { CommandError } from "@netbind/netns";
import { expect, test } from "vitest";
import { ImageError, UnreachableRegistryError } from "../../../core/local/src/images/errors.ts";
import { explainSkopeo } from "../../../core/local/src/images/explain-skopeo.ts";
import type { ImageSource } from "../../../core/local/src/images/image-source.ts";
import { WORK } from "../../../core/local/src/images/skopeo.ts";

const REGISTRY: ImageSource = { text: "r:5000/x/y:1", reference: "docker://r:5000/x/y:1", moves: false };
const FILE: ImageSource = { text: "oci:/srv/a:t", reference: "oci:/source/a:t", directory: "/srv", moves: true };

const failed = (said: string): CommandError =>
  new CommandError(["skopeo"], "exit code 1", `time="2026-01-01T00:00:00Z" level=fatal msg="${said}"\n`, 1);
const named = (source: ImageSource): string => `Error parsing image name \\"${source.reference}\\": `;
const explain = (source: ImageSource, said: string, authFile?: string): Error =>
  explainSkopeo(source, failed(`${named(source)}${said}`), authFile);

test.each([
  ["reading manifest 1 in r:5000/x/y: StatusCode: 403, ", "its registry refuses it: reading manifest 1 in"],
  ["reading manifest 1 in r:5000/x/y: unauthorized: authentication required", "its registry refuses it"],
  ["reading manifest 1 in r:5000/x/y: StatusCode: 404, ", "is not there: reading manifest 1 in r:5000/x/y"],
  ["reading manifest 1 in r:5000/x/y: StatusCode: 429, ", "its registry fails"],
  ["reading manifest 1 in r:5000/x/y: received unexpected HTTP status: 500 Internal Server Error", "try again later"],
  ["pinging container registry r:5000: http: server gave HTTP response to HTTPS client", "insecure = true"],
  ["pinging container registry r:5000: x509: certificate signed by unknown authority", "certs.d/HOST:PORT/ca.crt"],
  [`writing blob: write ${WORK}/image/a: file too large`, "it has more bytes than an image may"],
  ["received unexpected HTTP status: 301 Moved Permanently", "image r:5000/x/y:1 cannot be pulled: received"],
])("of a registry: %s", (said, expected) => {
  const error = explain(REGISTRY, said);
  expect(error).toBeInstanceOf(ImageError);
  expect(error.message).toContain(expected);
  expect(error.message).not.toContain("Error parsing image name");
  expect(error.message).not.toMatch(/, :|,:/);
});

test.each([
  String.raw`pinging container registry r:5000: Get \"https://r:5000/v2/\": EOF`,
  "dial tcp 127.0.0.1:1: connect: connection refused",
  "net/http: TLS handshake timeout",
])("a registry that does not answer: %s", (said) =>
  expect(explain(REGISTRY, said)).toBeInstanceOf(UnreachableRegistryError),
);

test("what the sandbox shows elsewhere is named as it is on this machine, on one line", () => {
  const said = String.raw`1 error occurred:\n\t* reading JSON file \"/tmp/auth.json\": invalid character 'n'\n\n`;
  expect(explain(REGISTRY, said, "/root/.docker/config.json").message).toBe(
    `image r:5000/x/y:1 cannot be pulled: 1 error occurred: * reading JSON file "/root/.docker/config.json": invalid character 'n'`,
  );
});

test.each([
  ["open /source/a/index.json: no such file or directory", "is not there: open /srv/a/index.json: no such file"],
  [String.raw`no descriptor found for reference \"t\"`, "the name behind it"],
  ["open /source/a/index.json: not a directory", "oci: takes a directory"],
  [`open ${WORK}/oci4045564865/index.json: no such file or directory`, "cut off, or not such an archive"],
  ["loading tar component manifest.json: file does not exist", "cut off, or not such an archive"],
  ["loading tar component manifest.json: unexpected EOF", "cut off, or not such an archive"],
])("of a file: %s", (said, expected) => {
  const { message } = explain(FILE, said);
  expect(message).toContain(expected);
  expect(message).not.toContain("/source");
  // No registry has to do with it.
  expect(message).not.toContain("mirror");
});
