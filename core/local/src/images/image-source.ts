import { join } from "node:path";
import { defined } from "@netbind/contract";
import type { HostDiskPolicy } from "../launcher/host-disks.ts";
import { findLocation } from "../launcher/host-disks.ts";
import { ownDisk } from "../errors.ts";
import { invalidImage } from "./errors.ts";

/** Where an image comes from, as skopeo gets it inside its sandbox. */
export interface ImageSource {
  /** As its author wrote it. */
  readonly text: string;
  /** What skopeo reads. */
  readonly reference: string;
  /** The digest that the author asks for; absent: whatever its tag names. */
  readonly digest?: string;
  /** The tag of a registry's image, where one is named. */
  readonly tag?: string;
  /** What a registry's image is named without tag and digest: another platform's is asked for by it. */
  readonly repository?: string;
  /** The listed directory that a local image is in: all that the sandbox sees of the machine's files. */
  readonly directory?: string;
  /** True where the same text may name another image tomorrow, and nothing else was asked for. */
  readonly moves: boolean;
}

const LONGEST = 1024;
const REGISTRY = "docker://";
const LOCAL = ["oci", "oci-archive", "docker-archive"] as const;
/** A name and a tag as registries have them: only a path follows a port, so `fedora:42` has a tag. */
const NAMED =
  /^([A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5}(?=\/))?(?:\/[A-Za-z0-9._-]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_./:@-]{0,255}$/;
/** Where else skopeo finds images: an image in a registry that is called like that is meant by nobody who leaves docker:// out. */
const TRANSPORT = /^(oci|oci-archive|docker-archive|docker-daemon|containers-storage|dir|file):(?![0-9]{1,5}\/)/;
const HOST = /[.:A-Z]|^localhost$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
/** Where the sandbox shows the listed directory. */
export const SOURCE_DIRECTORY = "/source";

/** What an image is called below its registry. */
export function pathInRegistry(repository: string): readonly string[] {
  const [first = "", ...rest] = repository.split("/");
  return rest.length > 0 && HOST.test(first) ? rest : [first, ...rest];
}

function registrySource(text: string, name: string): ImageSource {
  const [tagged = "", digest, ...more] = name.split("@");
  const [, repository = "", tag = ""] = NAMED.exec(tagged) ?? [];
  if (repository === "" || more.length > 0)
    throw invalidImage(text, "write NAME:TAG or NAME@sha256:DIGEST, as in quay.io/containerdisks/fedora:42");
  if (!pathInRegistry(repository).every((one) => COMPONENT.test(one)))
    throw invalidImage(text, "a registry's names are of lowercase letters and digits, with . _ or - between them");
  if (digest === undefined) {
    const moves = tag === "" || tag === "latest";
    return {
      text,
      repository,
      ...defined({ tag: tag || undefined }),
      moves,
      reference: `${REGISTRY}${repository}${tag === "" ? "" : `:${tag}`}`,
    };
  }
  if (!DIGEST.test(digest)) throw invalidImage(text, "its digest is not sha256: with 64 hexadecimal digits");
  return {
    text,
    repository,
    ...defined({ tag: tag || undefined }),
    digest,
    moves: false,
    reference: `${REGISTRY}${repository}@${digest}`,
  };
}

/** An image on this machine: in a directory that its administrator lists, as any other file that a VM gets. */
function localSource(text: string, transport: string, policy: HostDiskPolicy): ImageSource {
  const rest = text.slice(transport.length + 1);
  const at = rest.indexOf(":");
  const [path, tag] = at === -1 ? [rest, ""] : [rest.slice(0, at), rest.slice(at + 1)];
  if (tag !== "" && !TAG.test(tag)) throw invalidImage(text, `its name behind the path is not valid`);
  // A layout may be the listed directory itself: its index is below that.
  const isLayout = transport === "oci";
  const place = findLocation(isLayout ? `${path}/index.json` : path, policy);
  const { directory } = place;
  const components = isLayout ? place.components.slice(0, -1) : place.components;
  const absolute = join(directory, ...components);
  if (policy.own.some((own) => absolute === own || absolute.startsWith(`${own}/`))) throw ownDisk();
  const inside = [SOURCE_DIRECTORY, ...components].join("/");
  return { text, directory, moves: true, reference: `${transport}:${inside}${tag === "" ? "" : `:${tag}`}` };
}

const named = (text: string): string => (text.startsWith(REGISTRY) ? text.slice(REGISTRY.length) : text);

/** @throws ImageError */
function refuseLong(text: string): void {
  if (text.length > LONGEST) throw invalidImage(text.slice(0, 80), `it has more than ${LONGEST} characters`);
}

/** Reads the name of an image that a registry alone may have, such as a sidecar's. @throws ImageError */
export function readRegistryImage(text: string): ImageSource {
  refuseLong(text);
  if (TRANSPORT.test(text)) throw invalidImage(text, "it is taken from a registry alone: write NAME:TAG");
  return registrySource(text, named(text));
}

/**
 * Reads where a document says that an image is: `docker://NAME:TAG`, a plain `NAME:TAG`, `oci:PATH:TAG`, `oci-archive:PATH`
 * or `docker-archive:PATH`.
 *
 * @throws ImageError, HostDiskError where a path is in no directory that the administrator lists
 */
export function readImageSource(text: string, policy: HostDiskPolicy): ImageSource {
  refuseLong(text);
  const local = LOCAL.find((transport) => text.startsWith(`${transport}:/`));
  if (local !== undefined) return localSource(text, local, policy);
  if (TRANSPORT.test(text))
    throw invalidImage(
      text,
      `write oci:, oci-archive: or docker-archive: with an absolute path, or docker://${text} for a registry's image of that name`,
    );
  return registrySource(text, named(text));
}
