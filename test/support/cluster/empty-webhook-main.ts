/**
 * A webhook that lets everything through without a look, or, with `annotate`, with no more than an annotation: the least
 * that a webhook which changes objects costs. Usage: CERTIFICATE KEY PORT [annotate]
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { json } from "node:stream/consumers";
import { BINDINGS_ANNOTATION, WEBHOOK_PATHS } from "@netbind/controller";

const [cert = "", key = "", port = "", mode] = process.argv.slice(2);

const operations = [{ op: "add", path: "/metadata/annotations", value: { [BINDINGS_ANNOTATION]: "passt" } }];
const patch = { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(operations)).toString("base64") };

createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
  const { request: asked } = (await json(request)) as { readonly request: { readonly uid: string } };
  const answer = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
  const isChanged = mode === "annotate" && request.url?.startsWith(WEBHOOK_PATHS.mutate) === true;
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ ...answer, response: { uid: asked.uid, allowed: true, ...(isChanged ? patch : {}) } }));
}).listen(Number(port), "127.0.0.1", () => process.stderr.write("serving\n"));
