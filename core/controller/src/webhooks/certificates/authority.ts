import "reflect-metadata/lite";
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { ServerCertificate } from "../webhook-server.ts";

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const { subtle } = webcrypto;

/** From when to when a certificate is valid. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Positive, and as long as is allowed without a doubt. */
const serialNumber = (): string => `01${randomBytes(15).toString("hex")}`;

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> => subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

const keyPem = async ({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");

const readKey = async (pem: string): Promise<webcrypto.CryptoKey> =>
  await subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), ALGORITHM, false, ["sign"]);

/** Makes an authority of a name of its own, whose certificates an API server trusts once it has this one. */
export async function makeAuthority({ notBefore, notAfter }: Validity): Promise<ServerCertificate> {
  const keys = await makeKeys();
  const serial = serialNumber();
  const extensions: Extension[] = [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  const name = `CN=netbind-webhooks-${serial.slice(-8)}`;
  const parts = { serialNumber: serial, name, notBefore, notAfter, signingAlgorithm: ALGORITHM, extensions };
  const cert = await X509CertificateGenerator.createSelfSigned({ ...parts, keys });
  return { cert: cert.toString("pem"), key: await keyPem(keys) };
}

/** Certifies a server of DNS names and addresses, by an authority. */
export async function issueCertificate(
  authority: ServerCertificate,
  names: readonly string[],
  { notBefore, notAfter }: Validity,
): Promise<ServerCertificate> {
  const keys = await makeKeys();
  const issuer = new X509Certificate(authority.cert);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(
      names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
    ),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  const cert = await X509CertificateGenerator.create({
    ...{ serialNumber: serialNumber(), subject: `CN=${names[0] ?? ""}`, issuer: issuer.subject },
    ...{ notBefore, notAfter, signingAlgorithm: ALGORITHM, extensions },
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
  });
  return { cert: cert.toString("pem"), key: await keyPem(keys) };
}
