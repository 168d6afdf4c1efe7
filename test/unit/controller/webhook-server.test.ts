/** The webhooks' server, asked by who does not ask as an API server does. */
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { rotate, serveWebhooks, type WebhookServer } from "@netbind/controller";
import { afterAll, beforeAll, expect, test } from "vitest";

let server: WebhookServer;
let ca: string;
let isFailing = false;
beforeAll(async () => {
  const made = await rotate(undefined, { now: new Date(), names: ["127.0.0.1"], isTrusted: true });
  if (made === undefined) throw new Error("no certificates are made");
  ca = made.authorities.join("\n");
  const review = async (): Promise<{ causes: []; warnings: string[] }> => {
    if (isFailing) throw new Error("a rule fails");
    return { causes: [], warnings: ["w"] };
  };
  server = await serveWebhooks(
    { host: "127.0.0.1", port: 0 },
    { certificate: made.server, reviews: new Map([["/validate", review]]) },
  );
});
afterAll(() => server[Symbol.asyncDispose]());

/** How the last answer was framed. */
let framed: readonly (string | undefined)[] = [];

function ask(method: string, path: string, body?: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.port, method, path, ca, agent: false };
    const sent = request(options, (answer) => {
      framed = [answer.headers["content-length"], answer.headers["transfer-encoding"]];
      text(answer).then((said) => resolve(`${answer.statusCode} ${said}`), reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const REVIEW = {
  ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
  request: { uid: "u", operation: "CREATE", kind: { kind: "VirtualMachine" }, object: {} },
};

test("a review is answered with its uid", async () => {
  const said = await ask("POST", "/validate?timeout=5s", JSON.stringify(REVIEW));
  expect(JSON.parse(said.slice(4))).toMatchObject({ response: { uid: "u", allowed: true, warnings: ["w"] } });
  // In one write, not in chunks.
  expect(framed).toEqual([String(Buffer.byteLength(said) - 4), undefined]);
});

test.each([
  ["GET", "/validate", undefined, "405 only POST"],
  ["POST", "/", "{}", "404 not found"],
  ["POST", "/validate", "", "400 not an AdmissionReview"],
  ["POST", "/validate", "{", "400 not an AdmissionReview"],
  ["POST", "/validate", "[]", "400 not an AdmissionReview"],
  ["POST", "/validate", `{"a":`.repeat(100_000), "400 not an AdmissionReview"],
  ["POST", "/validate", Buffer.alloc(9 * 1024 * 1024, 32), "413 too long"],
])("%s %s is answered as what it is", async (method, path, body, said) => {
  expect(await ask(method, path, body)).toContain(said);
});

test("a failure of its own is an error of the server, which goes on", async () => {
  isFailing = true;
  expect(await ask("POST", "/validate", JSON.stringify(REVIEW))).toContain("500 it failed");
  isFailing = false;
  expect(await ask("POST", "/validate", JSON.stringify(REVIEW))).toContain("200");
});
