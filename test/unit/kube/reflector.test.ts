/** A reflector against a server that does what API servers and what is before them do at their worst. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient, PODS, Reflector } from "@netbind/kube";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "../../support/cluster/certificates.ts";

let directory: string;
let tls: { readonly ca: string; readonly cert: string; readonly key: string };
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "netbind-tls-"));
  const pki = await Authority.in(directory);
  const { cert, key } = await pki.issue("server", { name: "server", serves: ["IP:127.0.0.1"] });
  const read = (path: string): string => readFileSync(path, "utf8");
  tls = { ca: read(pki.caFile), cert: read(cert), key: read(key) };
});
afterAll(() => rmSync(directory, { recursive: true }));

const WITHIN = { timeout: 20_000, interval: 20 };
const pod = (name: string, version: string): object => ({
  metadata: { name, namespace: "default", resourceVersion: version },
});
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const listOf = (version: string, names: readonly string[], next = ""): string =>
  JSON.stringify({
    metadata: { resourceVersion: version, continue: next },
    items: names.map((name) => pod(name, "1")),
  });

/** Answers the nth list, or the nth watch, counted from 1. */
interface Script {
  readonly list: (nth: number, response: ServerResponse, query: URLSearchParams) => void;
  readonly watch: (nth: number, response: ServerResponse, query: URLSearchParams) => void;
}

/** A server that follows a script, and a reflector that follows the server. */
class Scene implements AsyncDisposable {
  readonly problems: (string | undefined)[] = [];
  readonly asked = { list: 0, watch: 0 };
  readonly #server = createServer({ cert: tls.cert, key: tls.key }, (request, response) =>
    this.#answer(request, response),
  );
  readonly #script: Script;
  readonly #stop = new AbortController();
  #ran: Promise<void> | undefined;
  #reflector: Reflector<string> | undefined;

  private constructor(script: Script) {
    this.#script = script;
  }

  static async open(script: Script, timing: object = {}, mayBeAbsent = false): Promise<Scene> {
    const scene = new Scene(script);
    await once(scene.#server.listen(0, "127.0.0.1"), "listening");
    const server = new URL(`https://127.0.0.1:${(scene.#server.address() as AddressInfo).port}`);
    const reflector = new Reflector<string>({
      client: new ApiClient({ server, source: "the test", credentials: () => ({ ca: tls.ca }) }),
      resource: PODS,
      read: ({ metadata }) => metadata.name,
      onProblem: (problem) => scene.problems.push(problem),
      mayBeAbsent,
      timing: { backoff: { first: 20, most: 50 }, ...timing },
    });
    scene.#reflector = reflector;
    scene.#ran = reflector.run(scene.#stop.signal);
    return scene;
  }

  get isSynced(): boolean | undefined {
    return this.#reflector?.isSynced;
  }

  readonly seen = (): readonly string[] => [...(this.#reflector?.objects ?? [])].sort();

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? "", "https://server");
    const what = searchParams.has("watch") ? "watch" : "list";
    this.asked[what]++;
    this.#script[what](this.asked[what], response, searchParams);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ran;
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A watch on which nothing more comes. */
const hold = (response: ServerResponse, first = ""): unknown => {
  response.flushHeaders();
  return response.write(first);
};

test("a watch that falls silent is opened again where it was, without another list", async () => {
  const versions: (string | null)[] = [];
  await using scene = await Scene.open(
    {
      list: (_, response) => response.end(listOf("5", ["a"])),
      watch: (nth, response, query) => {
        versions.push(query.get("resourceVersion"));
        hold(
          response,
          nth === 1 ? line("BOOKMARK", { metadata: { resourceVersion: "9" } }) : line("ADDED", pod("b", "12")),
        );
      },
    },
    { silence: 200 },
  );
  await expect.poll(scene.seen, WITHIN).toEqual(["a", "b"]);
  expect([versions.slice(0, 2), scene.asked.list]).toEqual([["5", "9"], 1]);
  expect(scene.problems[0]).toContain("nothing came on the watch for 0.2 s");
});

/** What a watch may say that is not an event to go on with. */
const ENDS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  "410 in the stream": (response) => response.end(line("ERROR", { code: 410, message: "too old resource version" })),
  "410 as its answer": (response) => response.writeHead(410).end("{}"),
  "another error": (response) => response.end(line("ERROR", { code: 500, message: "etcd is gone" })),
  "an event of 17 MB": (response) => response.end(line("ADDED", { filler: "x".repeat(17_000_000) })),
  "no JSON": (response) => response.end("<html>\n"),
  "an object without a version": (response) => response.end(line("ADDED", { metadata: { name: "x" } })),
};

test.each(Object.entries(ENDS))("%s: what there is now is listed again", async (_, end) => {
  await using scene = await Scene.open({
    list: (nth, response) => response.end(listOf(String(nth), nth === 1 ? ["a", "gone"] : ["a", "new"])),
    watch: (nth, response) => (nth === 1 ? end(response) : hold(response)),
  });
  await expect.poll(scene.seen, WITHIN).toEqual(["a", "new"]);
  expect(scene.asked.list).toBe(2);
});

/** What each list was to be no older than. */
const versionOf = (query: URLSearchParams): string | null =>
  query.get("resourceVersionMatch") === "NotOlderThan" ? query.get("resourceVersion") : null;

test.each([
  [504, "which it has not reached"],
  [410, "which it does not keep"],
  [400, "which is not one of its own"],
])(
  "a list after the first one need only be as new as what was heard of; where the server answers %i to that version, %s, it is asked for all that there is",
  async (status) => {
    const versions: (string | null)[] = [];
    await using scene = await Scene.open({
      list: (nth, response, query) => {
        versions.push(versionOf(query));
        if (nth === 3) response.writeHead(status).end("{}");
        else response.end(listOf(String(nth * 10), [`seen-${nth}`]));
      },
      watch: (nth, response) => {
        const heard = line("BOOKMARK", { metadata: { resourceVersion: String(nth * 10 + 5) } });
        if (nth > 2) hold(response);
        else response.end(heard + line("ERROR", { code: 410, message: "too old resource version" }));
      },
    });
    await expect.poll(scene.seen, WITHIN).toEqual(["seen-4"]);
    expect(versions).toEqual([null, "15", "25", null]);
  },
);

test("a resource that is not served is none at all where it may be absent, and is listed once it is there", async () => {
  let isServed = false;
  const script: Script = {
    list: (_, response) => (isServed ? response.end(listOf("5", ["a"])) : response.writeHead(404).end("{}")),
    watch: (_, response) => hold(response),
  };
  await using scene = await Scene.open(script, {}, true);
  await using other = await Scene.open(script);
  await expect.poll(() => scene.isSynced, WITHIN).toBe(true);
  await expect.poll(() => other.problems, WITHIN).toHaveLength(1);
  expect([other.isSynced, scene.seen()]).toEqual([false, []]);
  expect(scene.problems[0]).toContain("install what defines it");
  isServed = true;
  await expect.poll(scene.seen, WITHIN).toEqual(["a"]);
  expect(scene.problems).toHaveLength(2);
});

test("a cut connection loses no event: the watch goes on after the last whole one", async () => {
  const versions: (string | null)[] = [];
  await using scene = await Scene.open({
    list: (_, response) => response.end(listOf("1", [])),
    watch: (nth, response, query) => {
      versions.push(query.get("resourceVersion"));
      if (nth > 1) return hold(response, line("ADDED", pod("b", "3")));
      hold(response, `${line("ADDED", pod("a", "2"))}${line("ADDED", pod("b", "3")).slice(0, 20)}`);
      setTimeout(() => response.destroy(), 50);
    },
  });
  await expect.poll(scene.seen, WITHIN).toEqual(["a", "b"]);
  expect([versions.slice(0, 2), scene.asked.list]).toEqual([["1", "2"], 1]);
});

test("a list whose rest has expired begins again; pages that are too long are asked for smaller", async () => {
  const limits: (string | null)[] = [];
  await using scene = await Scene.open(
    {
      list: (nth, response, query) => {
        limits.push(query.get("limit"));
        if (nth === 1) return response.end(listOf("1", ["stale"], "more"));
        if (nth === 2) return response.writeHead(410).end("{}");
        if (nth === 3) return response.end(" ".repeat(65 * 1024 * 1024));
        return response.end(listOf("2", ["a"]));
      },
      watch: (_, response) => hold(response),
    },
    { page: 400 },
  );
  await expect.poll(scene.seen, WITHIN).toEqual(["a"]);
  expect(limits).toEqual(["400", "400", "400", "50"]);
  expect(scene.problems).toEqual([]);
});

test("a list is asked for whole, and in pages where that is too long", async () => {
  const limits: (string | null)[] = [];
  await using scene = await Scene.open({
    list: (nth, response, query) => {
      limits.push(query.get("limit"));
      response.end(nth === 1 ? " ".repeat(65 * 1024 * 1024) : listOf("2", ["a"]));
    },
    watch: (_, response) => hold(response),
  });
  await expect.poll(scene.seen, WITHIN).toEqual(["a"]);
  expect(limits).toEqual([null, "500"]);
  expect(scene.problems).toEqual([]);
});

test("a server that ends each watch at once is asked less and less often", async () => {
  await using scene = await Scene.open(
    { list: (_, response) => response.end(listOf("1", ["a"])), watch: (_, response) => response.end() },
    { backoff: { first: 100, most: 60_000 } },
  );
  await expect.poll(() => scene.asked.watch, WITHIN).toBeGreaterThanOrEqual(3);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(scene.asked.watch).toBeLessThan(10);
  expect(scene.asked.list).toBe(1);
});

test("a proxy's own answer is quoted", async () => {
  await using scene = await Scene.open({
    list: (_, response) => response.writeHead(502).end("Bad Gateway"),
    watch: (_, response) => hold(response),
  });
  await expect
    .poll(() => scene.problems, WITHIN)
    .toEqual(["cannot list pods: the API server answers with status 502 (Bad Gateway)"]);
});
