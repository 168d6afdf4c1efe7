import { type ApiObject, SECRETS, typeOf } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";
import type { Certificates } from "./rotate.ts";

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

/** The certificates that a Secret has; undefined where one of them is missing. */
export function readSecret({ data }: Readonly<Record<string, unknown>>): Certificates | undefined {
  const fields = isObject(data) ? data : {};
  const [bundle, authorityKey, cert, key] = [KEYS.authorities, KEYS.authorityKey, KEYS.cert, KEYS.key].map((name) =>
    decode(fields[name]),
  );
  if (!bundle || !authorityKey || !cert || !key) return undefined;
  return { authorities: split(bundle), authorityKey, server: { cert, key } };
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
