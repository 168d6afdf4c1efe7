import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const blobPath = (layout: string, digest: string): string => join(layout, "blobs", digest.replace(":", "/"));
const readBlob = <T>(layout: string, { digest }: Descriptor): T =>
  JSON.parse(readFileSync(blobPath(layout, digest), "utf8")) as T;

function writeBlob<D extends Descriptor>(layout: string, before: D, content: object): D {
  const bytes = Buffer.from(JSON.stringify(content));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  writeFileSync(blobPath(layout, digest), bytes);
  return { ...before, digest, size: bytes.length };
}

/** Gives the only image of an OCI layout labels, and with them another digest. */
export function labelImage(layout: string, labels: Readonly<Record<string, string>>): void {
  const file = join(layout, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8")) as { readonly manifests: readonly [Descriptor] };
  const [named] = index.manifests;
  const manifest = readBlob<{ readonly config: Descriptor }>(layout, named);
  const image = readBlob<{ readonly config?: object }>(layout, manifest.config);
  const config = writeBlob(layout, manifest.config, { ...image, config: { ...image.config, Labels: labels } });
  const manifests = [writeBlob(layout, named, { ...manifest, config })];
  writeFileSync(file, JSON.stringify({ ...index, manifests }));
}
