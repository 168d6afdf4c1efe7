import { readFileSync } from "node:fs";
import type { PodLink } from "@netbind/contract";
import { isObject, isText, mapOf, shape } from "@netbind/contract/shape";
import { parseJson } from "@netbind/engine";
import { type CniConfigList, readCniConfig } from "@netbind/kubevirt/pod";
import { NamedFileError } from "../errors.ts";

/** Images by the binding that they are of, each with its name below a registry's prefix. */
export type ImageDigests = Readonly<Record<string, { readonly image: string; readonly digest: string }>>;

/** What a file says, or what is wrong with it, beginning with its name. */
type ReadFile<T> = { readonly read: T } | { readonly wrong: string };

/** A file and the option that names it: what a message begins with. */
interface NamedFile {
  readonly option: string;
  readonly file: string;
}

/** Reads a file of JSON; `as` makes of its value what it is to be, or says what it is not. */
function readJson<T>({ option, file }: NamedFile, as: (named: string, value: unknown) => ReadFile<T>): ReadFile<T> {
  const named = `${option} ${file}`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return { wrong: `${named}: it cannot be read: ${(error as Error).message}: name a file that exists` };
  }
  const parsed = parseJson(text);
  if ("value" in parsed) return as(named, parsed.value);
  return { wrong: `${named}:${parsed.line}:${parsed.column}: ${parsed.problem}: correct the text` };
}

function asPodLink(named: string, value: unknown): ReadFile<PodLink> {
  const { name, mac, mtu, addresses, routes = [] } = (value ?? {}) as Partial<PodLink>;
  if (typeof name !== "string" || typeof mac !== "string" || typeof mtu !== "number" || !Array.isArray(addresses))
    return {
      wrong: `${named}: it is not a valid pod link: it needs name, mac, mtu and addresses, and may have routes`,
    };
  return { read: { name, mac, mtu, addresses, routes } };
}

function asPodNetwork(named: string, value: unknown): ReadFile<CniConfigList> {
  const found = readCniConfig(value, "pods");
  return "problem" in found
    ? { wrong: `${named}: it is not a valid CNI network configuration: ${found.problem}` }
    : { read: found.config };
}

function asImageTable(named: string, value: unknown): ReadFile<ImageDigests> {
  const isEntry = shape({ image: isText, digest: (digest) => /^sha256:[0-9a-f]{64}$/.test(String(digest)) });
  return mapOf(isEntry)(value)
    ? { read: value as ImageDigests }
    : { wrong: `${named}: it is not a table of images: name the images.json that npm run images writes` };
}

function asPasswords(named: string, value: unknown): ReadFile<undefined> {
  return isObject(value)
    ? { read: undefined }
    : { wrong: `${named}: it has no passwords for registries: name a file that skopeo login --authfile wrote` };
}

/** What files say. @throws NamedFileError with all that is wrong with any of them */
function allRead<T>(files: readonly ReadFile<T>[]): readonly T[] {
  const wrong = files.flatMap((one) => ("wrong" in one ? [one.wrong] : []));
  if (wrong.length > 0) throw new NamedFileError(wrong);
  return files.flatMap((one) => ("read" in one ? [one.read] : []));
}

/** The links that `--pod-link` names. @throws NamedFileError */
export const readPodLinks = (files: readonly string[]): readonly PodLink[] =>
  allRead(files.map((file) => readJson({ option: "--pod-link", file }, asPodLink)));

/** This release's images and their digests, from a file that `--image-table` names. @throws NamedFileError */
export const readImageTable = (file: string): ImageDigests =>
  allRead([readJson({ option: "--image-table", file }, asImageTable)])[0] ?? {};

/** The network that `--pod-network` names; none where it names none. @throws NamedFileError */
export const readPodNetwork = (file: string | undefined): CniConfigList | undefined =>
  file === undefined ? undefined : allRead([readJson({ option: "--pod-network", file }, asPodNetwork)])[0];

/** Sees that `--authfile` names passwords, before anything is made or asked with them. @throws NamedFileError */
export function checkAuthFile(file: string | undefined): void {
  if (file !== undefined) allRead([readJson({ option: "--authfile", file }, asPasswords)]);
}
