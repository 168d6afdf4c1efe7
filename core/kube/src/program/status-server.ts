import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ListenAddress, listenRefused } from "./listen-address.ts";

/** What is served. A check gives what is wrong; undefined: nothing. */
export interface Served {
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  readonly checks: Readonly<Record<"/healthz" | "/readyz", () => string | undefined>>;
}

/** A server that serves. */
export interface StatusServer extends AsyncDisposable {
  readonly port: number;
}

/** Everybody may ask who reaches it: few at a time, and none for long. */
const BOUNDS = { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192, keepAliveTimeout: 5000 } as const;
const MOST_CONNECTIONS = 32;

function say(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" }).end(text);
}

async function answer(path: string, response: ServerResponse, { metrics, checks }: Served): Promise<void> {
  if (path === "/metrics") {
    const { text, contentType } = await metrics();
    return say(response, 200, text, contentType);
  }
  if (path !== "/healthz" && path !== "/readyz") return say(response, 404, "not found\n");
  const problem = checks[path]();
  return say(response, problem === undefined ? 200 : 503, `${problem ?? "ok"}\n`);
}

/** Serves `/metrics`, `/healthz` and `/readyz`. @throws ListenError where the address cannot be listened at */
export async function serveStatus({ host, port }: ListenAddress, served: Served): Promise<StatusServer> {
  const server = createServer(BOUNDS, (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return say(response, 405, "only GET\n");
    answer(request.url?.split("?")[0] ?? "", response, served).catch(() => response.destroy());
  });
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await once(server.listen(port, host), "listening");
  } catch (error) {
    throw listenRefused(`${host ?? ""}:${port}`, (error as NodeJS.ErrnoException).code ?? "");
  }
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}
