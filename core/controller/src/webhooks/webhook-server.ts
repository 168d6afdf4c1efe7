import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type ListenAddress, listenRefused } from "@netbind/kube";
import { type AdmissionAnswer, type AdmissionRequest, answerReview, readReview } from "./admission-review.ts";

/** A certificate and its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Answers a review. Undefined: what it takes is not known yet, and the API server does as its configuration says. */
export type Review = (request: AdmissionRequest) => AdmissionAnswer | undefined | Promise<AdmissionAnswer | undefined>;

/** What webhooks are answered by. */
export interface WebhookParts {
  readonly certificate: ServerCertificate;
  /** By path, such as `/validate`. */
  readonly reviews: ReadonlyMap<string, Review>;
}

/** A server that answers. */
export interface WebhookServer extends AsyncDisposable {
  readonly port: number;
  /** Shows another certificate on new connections; those that are open go on. */
  renew(certificate: ServerCertificate): void;
}

/** An API server sends an object and the one before it, of 1.5 MiB each, and little more. */
const LONGEST_REVIEW = 8 * 1024 * 1024;
const BOUNDS = {
  requestTimeout: 10_000,
  headersTimeout: 5000,
  maxHeaderSize: 16_384,
  keepAliveTimeout: 60_000,
} as const;

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_REVIEW) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function say(response: ServerResponse, status: number, text: string, type = "text/plain"): void {
  // With its length it is one write, where it would be several chunks.
  const headers = {
    "content-type": type,
    "content-length": Buffer.byteLength(text),
    "x-content-type-options": "nosniff",
  };
  response.writeHead(status, headers).end(text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, { reviews }: WebhookParts): Promise<void> {
  const review = reviews.get(request.url?.split("?")[0] ?? "");
  if (review === undefined) return say(response, 404, "not found\n");
  if (request.method !== "POST") return say(response, 405, "only POST\n");
  const body = await readBody(request);
  if (body === undefined) return say(response, 413, "too long\n");
  const asked = readReview(parse(body));
  if (asked === undefined) return say(response, 400, "not an AdmissionReview of a creation or an update\n");
  const answered = await review(asked);
  if (answered === undefined) return say(response, 503, "the cluster is not known yet\n");
  say(response, 200, JSON.stringify(answerReview(asked.uid, answered)), "application/json");
}

/** Answers AdmissionReviews over https. @throws ListenError where the address cannot be listened at */
export async function serveWebhooks({ host, port }: ListenAddress, parts: WebhookParts): Promise<WebhookServer> {
  const server = createServer({ ...BOUNDS, ...parts.certificate, minVersion: "TLSv1.2" }, (request, response) => {
    answer(request, response, parts).catch(() => {
      if (response.headersSent) response.destroy();
      else say(response, 500, "it failed\n");
    });
  });
  try {
    await once(server.listen(port, host), "listening");
  } catch (error) {
    throw listenRefused(`${host ?? ""}:${port}`, (error as NodeJS.ErrnoException).code ?? "", "webhooks");
  }
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    renew: (certificate) => server.setSecureContext(certificate),
    [Symbol.asyncDispose]: close,
  };
}
