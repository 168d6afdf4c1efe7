import { type ApiObject, SECRETS, typeOf } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import type { Certificates, ServedCertificates } from "./rotate.ts";

const KEYS = { authorities: "ca.crt", authorityKey: "ca.key", cert: "tls.crt", key: "tls.key" } as const;
const BEGIN = "-----BEGIN CERTIFICATE-----";

const decode = (value: unknown): string =>
  typeof value === "string" ? Buffer.from(value, "base64").toString().trim() : "";
const encode = (text: string): string => Buffer.from(`${text}\n`).toString("base64");

/** The certificates of a bundle, each by itself. */
const split = (bundle: string): readonly string[] =>
  bundle
    .split(BEGIN)
    .filter((part) => part.trim() !== "")
    .map((part) => `${BEGIN}${part.trimEnd()}`);

/** The certificates of a bundle as an API object has it, in base64. */
export const readBundle = (bundle: string): readonly string[] => split(decode(bundle));

const fieldOf = ({ data }: Readonly<Record<string, unknown>>, key: keyof typeof KEYS): string =>
  decode(isObject(data) ? data[KEYS[key]] : undefined);

/** The keys of what is served that a Secret does not have: of its three, or of none. */
export const missingKeys = (secret: Readonly<Record<string, unknown>>): readonly string[] =>
  (["authorities", "cert", "key"] as const).filter((key) => fieldOf(secret, key) === "").map((key) => KEYS[key]);

/** What a Secret has to serve; undefined where a part of it is missing. */
export function readServed(secret: Readonly<Record<string, unknown>>): ServedCertificates | undefined {
  if (missingKeys(secret).length > 0) return undefined;
  const server = { cert: fieldOf(secret, "cert"), key: fieldOf(secret, "key") };
  return { authorities: split(fieldOf(secret, "authorities")), server };
}

/** The certificates that a Secret has, with what certifies the next ones; undefined where one of them is missing. */
export function readSecret(secret: Readonly<Record<string, unknown>>): Certificates | undefined {
  const [served, authorityKey] = [readServed(secret), fieldOf(secret, "authorityKey")];
  return served === undefined || authorityKey === "" ? undefined : { ...served, authorityKey };
}

/** The Secret with certificates. `stored`: the one that it replaces, if nobody has changed it meanwhile. */
export function secretOf(
  place: { readonly namespace: string; readonly name: string },
  { authorities, authorityKey, server }: Certificates,
  stored: ApiObject | undefined,
): object {
  const resourceVersion = stored?.metadata["resourceVersion"];
  const data = {
    [KEYS.authorities]: encode(authorities.join("\n")),
    [KEYS.authorityKey]: encode(authorityKey),
    [KEYS.cert]: encode(server.cert),
    [KEYS.key]: encode(server.key),
  };
  return {
    ...typeOf(SECRETS),
    metadata: { ...place, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    ...(stored === undefined ? { type: "Opaque" } : {}),
    data,
  };
}
