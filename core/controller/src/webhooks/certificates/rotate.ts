import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { ServerCertificate } from "../webhook-server.ts";
import { issueCertificate, makeAuthority, type Validity } from "./authority.ts";

/** What API servers are shown, and trust: PEM texts. */
export interface ServedCertificates {
  /** Authorities that are trusted, the one that certifies first: those before it may have certified what is still shown. */
  readonly authorities: readonly string[];
  readonly server: ServerCertificate;
}

/** The certificates of webhooks, as they are stored. */
export interface Certificates extends ServedCertificates {
  readonly authorityKey: string;
}

/** How long certificates are valid, in milliseconds. */
export interface Lifetimes {
  readonly authority: number;
  readonly server: number;
}

/** When certificates are looked at. */
export interface RotationInputs {
  readonly now: Date;
  /** The DNS names, or addresses, that API servers reach the webhooks by. */
  readonly names: readonly string[];
  /** True where the webhook configurations name all of `authorities`, so that API servers trust them. */
  readonly isTrusted: boolean;
  readonly lifetimes?: Lifetimes;
}

const DAY = 86_400_000;
const LIFETIMES: Lifetimes = { authority: 365 * DAY, server: 30 * DAY };
/** Clocks of API servers may be behind. */
const BACKDATED = 3_600_000;

const validity = (now: Date, lifetime: number): Validity => ({
  notBefore: new Date(now.getTime() - Math.min(BACKDATED, lifetime / 10)),
  notAfter: new Date(now.getTime() + lifetime),
});

/** A certificate that can be read. */
function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

const begins = ({ validFrom }: X509Certificate): number => Date.parse(validFrom);
const ends = ({ validTo }: X509Certificate): number => Date.parse(validTo);

/** True from two thirds of its life on. */
const isDue = (cert: X509Certificate, now: Date): boolean =>
  now.getTime() >= begins(cert) + ((ends(cert) - begins(cert)) * 2) / 3;

const isValid = (cert: X509Certificate | undefined, now: Date): cert is X509Certificate =>
  cert !== undefined && begins(cert) <= now.getTime() && now.getTime() < ends(cert);

const isCertified = (cert: X509Certificate, name: string): boolean =>
  (isIP(name) === 0 ? cert.checkHost(name) : cert.checkIP(name)) !== undefined;

/** True where an API server that trusts these authorities takes a certificate for these names. */
function isAccepted(
  cert: X509Certificate | undefined,
  authorities: readonly string[],
  inputs: RotationInputs,
): boolean {
  if (!isValid(cert, inputs.now) || !inputs.names.every((name) => isCertified(cert, name))) return false;
  return authorities.some((pem) => {
    const authority = readCertificate(pem);
    return isValid(authority, inputs.now) && cert.checkIssued(authority) && cert.verify(authority.publicKey);
  });
}

async function makeAll({ now, names, lifetimes = LIFETIMES }: RotationInputs): Promise<Certificates> {
  const authority = await makeAuthority(validity(now, lifetimes.authority));
  const server = await issueCertificate(authority, names, validity(now, lifetimes.server));
  return { authorities: [authority.cert], authorityKey: authority.key, server };
}

/**
 * The next step of certificates: those to store in the place of what is stored. An authority is trusted before it certifies what
 * is shown, and for as long as it is valid, so no API server meets a certificate that it does not trust.
 *
 * @param current  undefined: nothing is stored, or it cannot be read
 * @returns undefined where nothing is to be changed
 */
export async function rotate(
  current: Certificates | undefined,
  inputs: RotationInputs,
): Promise<Certificates | undefined> {
  const { now, names, isTrusted, lifetimes = LIFETIMES } = inputs;
  const authority = current === undefined ? undefined : readCertificate(current.authorities[0] ?? "");
  if (current === undefined || !isValid(authority, now)) return await makeAll(inputs);
  const { authorities, authorityKey } = current;
  const valid = authorities.filter((pem) => isValid(readCertificate(pem), now));
  const shown = readCertificate(current.server.cert);
  const isServed = isAccepted(shown, valid, inputs);
  if (isServed && isDue(authority, now)) {
    const next = await makeAuthority(validity(now, lifetimes.authority));
    return { ...current, authorities: [next.cert, ...valid], authorityKey: next.key };
  }
  if (!isServed || (isTrusted && shown !== undefined && isDue(shown, now))) {
    const server = await issueCertificate(
      { cert: authorities[0] ?? "", key: authorityKey },
      names,
      validity(now, lifetimes.server),
    );
    return { authorities: valid, authorityKey, server };
  }
  return valid.length < authorities.length ? { ...current, authorities: valid } : undefined;
}
