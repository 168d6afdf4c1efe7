/** Lists what is in an image, by syft, as SPDX. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { cacheDirectory, workDirectory } from "./cache.ts";
import { exec } from "./exec.ts";
import { copyImage, type ImageRef } from "./oci.ts";

const VERSION = "1.57.1";
const MODULE = "github.com/anchore/syft/cmd/syft";
/** Where Go's own installer puts it, which is on few PATHs. */
const GO_HOME = "/usr/local/go/bin";
/** What is in our images: Debian's packages, the runtime, the bundles' packages. */
const CATALOGERS = "dpkg-db-cataloger,binary-classifier-cataloger,javascript-package-cataloger";

/** Gives syft, built where the cache does not have it; Go's checksum database vouches for its sources. */
async function ensureSyft(): Promise<string> {
  const program = join(cacheDirectory("tools"), `syft-${VERSION}`);
  if (existsSync(program)) return program;
  using work = workDirectory();
  const env = {
    PATH: `${process.env["PATH"] ?? ""}${delimiter}${GO_HOME}`,
    ...{ GOBIN: work.path, CGO_ENABLED: "0", GOTOOLCHAIN: "auto", GOWORK: "off", GOFLAGS: "" },
  };
  const link = ["-ldflags", `-s -w -X main.version=${VERSION}`];
  await exec(["nice", "go", "install", "-trimpath", ...link, `${MODULE}@v${VERSION}`], { env });
  renameSync(join(work.path, "syft"), program);
  return program;
}

/** What a list is of. */
export interface SbomSubject {
  readonly name: string;
  readonly version: string;
  /** The digest of the image's manifest. */
  readonly digest: string;
  readonly sourceDate: number;
}

/** A document of SPDX, as far as it is rewritten here. */
interface SpdxDocument {
  readonly documentNamespace: string;
  readonly creationInfo: Readonly<Record<string, unknown>>;
}

/** The list as it is for this image, whenever it is made: syft puts the time and a random number in. */
export function settleSbom(document: SpdxDocument, { name, digest, sourceDate }: SbomSubject): SpdxDocument {
  const created = new Date(sourceDate * 1000).toISOString().replace(".000Z", "Z");
  return {
    ...document,
    documentNamespace: `https://spdx.org/spdxdocs/${name.replace("/", "-")}-${digest.replace("sha256:", "")}`,
    creationInfo: { ...document.creationInfo, created },
  };
}

async function scan(image: ImageRef, { name, version }: SbomSubject): Promise<SpdxDocument> {
  using work = workDirectory();
  // syft reads a layout of one image.
  await copyImage(image, { layout: join(work.path, "layout"), tag: "image" });
  const env = { SYFT_CHECK_FOR_APP_UPDATE: "false", SYFT_CACHE_DIR: join(work.path, "cache") };
  const source = ["--source-name", name, "--source-version", version, "--override-default-catalogers", CATALOGERS];
  const scanned = ["scan", "--quiet", `oci-dir:${join(work.path, "layout")}`, ...source, "-o", "spdx-json"];
  return JSON.parse(await exec([await ensureSyft(), ...scanned], { env })) as SpdxDocument;
}

/** Writes an image's list into a directory, named after the image's tag. The same image's is made once. */
export async function writeSbom(image: ImageRef, subject: SbomSubject, directory: string): Promise<void> {
  const cached = join(cacheDirectory("sbom"), `${subject.digest.replace("sha256:", "")}-syft-${VERSION}.json`);
  if (!existsSync(cached)) {
    writeFileSync(`${cached}.next`, `${JSON.stringify(settleSbom(await scan(image, subject), subject), null, 2)}\n`);
    renameSync(`${cached}.next`, cached);
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${image.tag}.spdx.json`), readFileSync(cached));
}
