import { X509Certificate } from "node:crypto";

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

/** The certificates of a PEM text in base64, as the API has it; those that cannot be read are left out. */
export function readCertificates(base64: string): readonly X509Certificate[] {
  const text = Buffer.from(base64, "base64").toString();
  return text
    .split(BEGIN)
    .slice(1)
    .flatMap((part) => {
      try {
        return [new X509Certificate(`${BEGIN}${part.slice(0, part.indexOf(END))}${END}\n`)];
      } catch {
        return [];
      }
    });
}

/** True where a certificate is not valid any more, or not yet. `now`: milliseconds since 1970. */
export const isOutOfDate = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validTo) <= now || Date.parse(validFrom) > now;

/** When a certificate ends, as a day. */
export const endOf = ({ validTo }: X509Certificate): string => new Date(validTo).toISOString().slice(0, 10);

/** True where an authority has signed a certificate. */
export const hasSigned = (authority: X509Certificate, certificate: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
