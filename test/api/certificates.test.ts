/** Certificates in a Secret of a real API server: replicas follow it, the one that leads renews them in time. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateKeeper, type ServedCertificates } from "@netbind/controller";
import { ApiClient } from "@netbind/kube";
import { expect, onTestFinished, test } from "vitest";
import { connectionOf } from "../support/cluster/api-connection.ts";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { Authority } from "../support/cluster/certificates.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 30_000, interval: 50 };
const NAMES = ["netbind-webhooks.netbind.svc"];
const LIFETIMES = { authority: 12_000, server: 3000 };

/** A replica, with all certificates that it was told of. */
class Replica implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #client: ApiClient;
  readonly #ran: Promise<unknown>;
  readonly seen: ServedCertificates[] = [];
  readonly problems: string[] = [];

  constructor(api: ApiServer, namespace: string, isLeading: boolean, isGiven = false) {
    this.#client = new ApiClient(connectionOf(api.credentials));
    const keeper = new CertificateKeeper({
      ...{ client: this.#client, namespace, name: "netbind-webhooks", names: NAMES, lifetimes: LIFETIMES },
      isGiven,
      onChange: (certificates) => this.seen.push(certificates),
      isTrusted: () => true,
      onProblem: (_, problem) => this.problems.push(problem ?? ""),
    });
    const { signal } = this.#stop;
    this.#ran = Promise.all([keeper.follow(signal), isLeading ? keeper.lead(signal) : undefined]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ran;
    this.#client[Symbol.dispose]();
  }
}

const expiry = ({ server }: ServedCertificates): number => Date.parse(new X509Certificate(server.cert).validTo);

test("certificates are made, renewed before they expire, and seen by every replica", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  await using follower = new Replica(api, namespace.name, false);
  await using leader = new Replica(api, namespace.name, true);
  await expect.poll(() => follower.seen.length, WITHIN).toBeGreaterThan(0);
  const serversOf = ({ seen }: Replica): Set<string> => new Set(seen.map(({ server }) => server.cert));
  const authoritiesOf = ({ seen }: Replica): Set<string> =>
    new Set(seen.map(({ authorities }) => authorities[0] ?? ""));
  while (authoritiesOf(follower).size < 2 || serversOf(follower).size < 4) {
    const current = follower.seen.at(-1);
    expect(current && expiry(current)).toBeGreaterThan(Date.now() - 1000);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await expect.poll(() => leader.seen.at(-1), WITHIN).toEqual(follower.seen.at(-1));
  expect([...leader.problems, ...follower.problems]).toEqual([]);
});

test("a Secret that somebody spoils or removes is made again", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  await using leader = new Replica(api, namespace.name, true);
  const path = `/api/v1/namespaces/${namespace.name}/secrets/netbind-webhooks`;
  const servers = (): number => new Set(leader.seen.map(({ server }) => server.cert)).size;
  await expect.poll(servers, WITHIN).toBeGreaterThan(0);
  const before = leader.seen.length;
  await api.request({ method: "PATCH", path, body: { data: { "ca.crt": null } } });
  await expect.poll(() => leader.seen.length, WITHIN).toBeGreaterThan(before);
  await api.request({ method: "DELETE", path });
  const read = async (): Promise<unknown> =>
    await api.request({ path }).then(
      () => "there",
      () => "gone",
    );
  await expect.poll(read, WITHIN).toBe("there");
});

test("a Secret of another program is served as it is, and what it lacks is said; nothing is written", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  await using replica = new Replica(api, namespace.name, true, true);
  await expect
    .poll(() => replica.problems.at(-1), WITHIN)
    .toMatch(/^Secret .*netbind-webhooks does not exist: let what/);
  const directory = mkdtempSync(join(tmpdir(), "netbind-certificates-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const authority = await Authority.in(directory);
  const files = await authority.issue("webhooks", { name: "webhooks", serves: NAMES.map((name) => `DNS:${name}`) });
  const [cert, key, ca] = [files.cert, files.key, authority.caFile].map((file) => readFileSync(file, "utf8").trim());
  const write = (data: Readonly<Record<string, string | undefined>>): Promise<void> =>
    api.apply({
      ...{ apiVersion: "v1", kind: "Secret", type: "Opaque", stringData: data },
      metadata: { name: "netbind-webhooks", namespace: namespace.name },
    });
  await write({ "tls.crt": cert, "tls.key": key });
  await expect.poll(() => replica.problems.at(-1), WITHIN).toContain("has no ca.crt: use an issuer");
  await write({ "tls.crt": cert, "tls.key": key, "ca.crt": ca });
  await expect.poll(() => replica.seen.length, WITHIN).toBe(1);
  expect(replica.seen[0]).toEqual({ authorities: [ca], server: { cert, key } });
  expect(replica.problems.at(-1)).toBe("");
  const { metadata } = await api.request<{ metadata: { managedFields: readonly { manager: string }[] } }>({
    path: `/api/v1/namespaces/${namespace.name}/secrets/netbind-webhooks`,
  });
  expect(metadata.managedFields.map(({ manager }) => manager)).toEqual(["kubectl"]);
});
