/** Certificates of webhooks over years: no API server ever meets one that it does not trust. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { type Certificates, type RotationInputs, rotate } from "@netbind/controller";
import { expect, test } from "vitest";

const DAY = 86_400_000;
const NAMES = ["netbind-webhooks.netbind.svc", "netbind-webhooks.netbind.svc.cluster.local"];
const START = Date.parse("2026-01-01T00:00:00Z");

const at = (day: number, more: Partial<RotationInputs> = {}): RotationInputs => ({
  ...{ now: new Date(START + day * DAY), names: NAMES, isTrusted: true, ...more },
});

async function made(): Promise<Certificates> {
  const certificates = await rotate(undefined, at(0));
  if (certificates === undefined) throw new Error("none are made");
  return certificates;
}

/** True where who trusts these authorities takes the certificate at a time. */
const isAccepted = ({ server }: Certificates, trusted: readonly string[], now: number): boolean => {
  const cert = new X509Certificate(server.cert);
  const isValid = (one: X509Certificate): boolean => Date.parse(one.validFrom) <= now && now < Date.parse(one.validTo);
  const authorities = trusted.map((pem) => new X509Certificate(pem));
  return (
    isValid(cert) &&
    authorities.some((one) => isValid(one) && one.ca && cert.checkIssued(one) && cert.verify(one.publicKey))
  );
};

test("in ten years of days nobody meets a certificate that was not trusted the day before", async () => {
  let current = await made();
  let trusted = current.authorities;
  const seen = { authorities: new Set(trusted), servers: new Set([current.server.cert]) };
  for (let day = 0; day < 3650; day++) {
    const isTrusted = current.authorities.every((pem) => trusted.includes(pem));
    current = (await rotate(current, at(day, { isTrusted }))) ?? current;
    expect(isAccepted(current, trusted, START + day * DAY)).toBe(true);
    expect(current.authorities.length).toBeLessThanOrEqual(2);
    seen.authorities.add(current.authorities[0] ?? "");
    seen.servers.add(current.server.cert);
    // API servers are told once a day.
    trusted = current.authorities;
  }
  expect(seen.authorities.size).toBeGreaterThan(10);
  expect(seen.servers.size).toBeGreaterThan(150);
});

test("what an authority certifies is not shown before the authority is trusted", async () => {
  // The server's certificate is due on day 260, the authority from day 243 on.
  const first = await rotate(await made(), at(240));
  const second = await rotate(first, at(250, { isTrusted: false }));
  expect(second?.authorities).toHaveLength(2);
  expect(second?.server).toEqual(first?.server);
  expect(await rotate(second, at(262, { isTrusted: false }))).toBeUndefined();
  const third = await rotate(second, at(262));
  const shown = new X509Certificate(third?.server.cert ?? "");
  const [authority, before] = (third?.authorities ?? []).map((pem) => new X509Certificate(pem));
  expect(authority && shown.checkIssued(authority)).toBe(true);
  expect(before && shown.checkIssued(before)).toBe(false);
});

test("nothing is changed while nothing is due", async () => {
  const certificates = await made();
  expect(await rotate(certificates, at(19))).toBeUndefined();
  expect(await rotate(certificates, at(21, { isTrusted: false }))).toBeUndefined();
  expect(await rotate(certificates, at(21))).not.toBeUndefined();
});

const SPOILT: Readonly<Record<string, (one: Certificates) => Certificates>> = {
  "an authority that cannot be read": (one) => ({ ...one, authorities: ["nonsense"] }),
  "no authority": (one) => ({ ...one, authorities: [] }),
  "a certificate that cannot be read": (one) => ({ ...one, server: { ...one.server, cert: "nonsense" } }),
};

test.each(Object.entries(SPOILT))("%s is replaced", async (_, spoil) => {
  const spoilt = spoil(await made());
  const next = await rotate(spoilt, at(1));
  expect(next && isAccepted(next, next.authorities, START + DAY)).toBe(true);
});

test("another name has another certificate, of the same authority", async () => {
  const first = await made();
  const next = await rotate(first, at(1, { names: [...NAMES, "another.netbind.svc"] }));
  expect(next?.authorities).toEqual(first.authorities);
  expect(new X509Certificate(next?.server.cert ?? "").checkHost("another.netbind.svc")).toBe("another.netbind.svc");
});

test("a client of TLS that trusts the authority takes the certificate for its name, and for no other", async () => {
  const now = await rotate(undefined, { now: new Date(), names: NAMES, isTrusted: true });
  if (now === undefined) throw new Error("none are made");
  const server = createServer(now.server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const greet = async (servername: string): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port, servername, ca: [...now.authorities] });
    const said = await new Promise<string>((resolve) => {
      socket.on("secureConnect", () => resolve("trusted"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    });
    socket.destroy();
    return said;
  };
  expect(await greet(NAMES[0] ?? "")).toBe("trusted");
  expect(await greet("another.netbind.svc")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  server.close();
});
