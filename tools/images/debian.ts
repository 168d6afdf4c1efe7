/** Asks apt which packages a set is made of, from indexes of its own: what the machine has installed does not count. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianArchive } from "../../core/local/src/launcher/debian-archive.ts";
import { type Architecture, SUITE } from "../../sidecars/images/recipes.ts";
import { packageArchive } from "./archive.ts";
import { exec } from "./exec.ts";
import { ImageError, UPDATE_COMMAND } from "./image-error.ts";
import type { LockedPackage } from "./lock.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/**
 * What packages depend on for the scripts of their installation alone, and Debian's init system, which no container has:
 * the images hold files, and no script is run.
 */
const FOR_SCRIPTS = [
  ...[
    "adduser",
    "awk",
    "base-passwd",
    "debconf",
    "debconf-2.0",
    "debianutils",
    "init-system-helpers",
    "login.defs",
    "passwd",
  ],
  ...[
    "dbus-system-bus",
    "default-dbus-system-bus",
    "libpam-runtime",
    "sgml-base",
    "systemd",
    "systemd-sysv",
    "xml-core",
  ],
];

/** One line of `apt-get --print-uris`: 'URI' FILE SIZE SHA256:HASH. */
const PRINTED = /^'(\S+)' (\S+)_(\S+)_\S+\.deb \d+ SHA256:([0-9a-f]{64})$/;

/** Reads what apt would download. */
export function parseUris(text: string, { main, security }: DebianArchive): readonly LockedPackage[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, uri, name, version, sha256] = PRINTED.exec(line) ?? [];
      const archive = security !== undefined && uri?.startsWith(security) === true ? "security" : "main";
      const base = archive === "main" ? main : security;
      if (
        uri === undefined ||
        name === undefined ||
        version === undefined ||
        sha256 === undefined ||
        !uri.startsWith(base ?? "")
      )
        throw new ImageError(
          "PACKAGE_UNRESOLVED",
          `apt printed a line that is not a package: "${line}"`,
          [],
          UPDATE_COMMAND,
        );
      return {
        name,
        version: decodeURIComponent(version),
        sha256,
        archive,
        path: uri.slice((base ?? "").length),
      } as const;
    });
}

/** Debian's archive for one architecture. */
export class DebianIndex {
  readonly #directory: string;
  readonly #archive: DebianArchive;

  private constructor(directory: string, archive: DebianArchive) {
    this.#directory = directory;
    this.#archive = archive;
  }

  /** Fetches the archive's indexes into a directory, which keeps them for the next time. */
  static async update(directory: string, architecture: Architecture): Promise<DebianIndex> {
    const archive = await packageArchive();
    for (const path of ["etc/apt/preferences.d", "lists/partial", "cache/archives/partial"])
      mkdirSync(join(directory, path), { recursive: true });
    const options = `deb [arch=${architecture} signed-by=${KEYRING}]`;
    const sources = [`${options} ${archive.main} ${SUITE} main`, `${options} ${archive.main} ${SUITE}-updates main`];
    if (archive.security !== undefined) sources.push(`${options} ${archive.security} ${SUITE}-security main`);
    writeFileSync(join(directory, "etc/apt/sources.list"), `${sources.join("\n")}\n`);
    writeFileSync(join(directory, "status"), "");
    writeFileSync(join(directory, "apt.conf"), configuration(directory, architecture));
    const index = new DebianIndex(directory, archive);
    await index.#apt(["update", "--error-on=any"]);
    return index;
  }

  /** The packages that were asked for and all that they depend on but `without`, in the order of their names. */
  async resolve(packages: readonly string[], without: readonly string[] = []): Promise<readonly LockedPackage[]> {
    const replaced = [...FOR_SCRIPTS.map(unversioned), ...(await this.#served(without))];
    writeFileSync(join(this.#directory, "status"), installed(replaced));
    const text = await this.#apt(["install", "--print-uris", ...packages]).catch((error: Error) => {
      throw new ImageError(
        "PACKAGE_UNRESOLVED",
        `apt does not find ${packages.join(", ")} in ${SUITE}`,
        [error.message],
        UPDATE_COMMAND,
      );
    });
    return [...parseUris(text, this.#archive)].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** When the newest of the archive's indexes was made, in seconds since 1970. */
  async date(): Promise<number> {
    const files = await this.#apt(["indextargets", "--format", "$(METAKEY)|$(FILENAME)"]);
    const releases = files
      .split("\n")
      .map((line) => line.split("|")[1] ?? "")
      .flatMap((file) => /^(.*_dists_[^_]+)_/.exec(file)?.[1] ?? []);
    const dates = [...new Set(releases)].map((prefix) => {
      const text = readFileSync(`${prefix}_InRelease`, "utf8");
      return Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? "") / 1000;
    });
    return Math.max(...dates);
  }

  /** Packages as others depend on them: by their name, or on the very version that is served. */
  async #served(names: readonly string[]): Promise<readonly string[]> {
    if (names.length === 0) return [];
    const records = await this.#run(["apt-cache", "show", "--no-all-versions", ...names]);
    const versions = [...records.matchAll(/^Package: (.*)\n(?:.+\n)*?Version: (.*)$/gm)];
    return [...names.map(unversioned), ...versions.map(([, name, version]) => `${name} (= ${version})`)];
  }

  #apt(argv: readonly string[]): Promise<string> {
    return this.#run(["apt-get", "-qq", ...argv]);
  }

  #run(argv: readonly string[]): Promise<string> {
    return exec(argv, { env: { APT_CONFIG: join(this.#directory, "apt.conf") } });
  }
}

/** A package of a version that is never too old. */
const unversioned = (name: string): string => `${name} (= 9999)`;

/** dpkg's record of a package that gives what no image needs. */
const installed = (provided: readonly string[]): string =>
  [
    ...[
      "Package: netbind-no-scripts",
      "Status: install ok installed",
      "Architecture: all",
      "Multi-Arch: foreign",
      "Version: 9999",
    ],
    ...["Maintainer: netbind", "Description: stands for what only installing takes"],
    `Provides: ${provided.join(", ")}`,
    "",
    "",
  ].join("\n");

const configuration = (directory: string, architecture: Architecture): string =>
  [
    `Dir "${directory}";`,
    `Dir::Etc "${directory}/etc/apt";`,
    `Dir::Etc::Parts "/dev/null";`,
    `Dir::State "${directory}";`,
    `Dir::State::Lists "${directory}/lists";`,
    `Dir::State::Status "${directory}/status";`,
    `Dir::Cache "${directory}/cache";`,
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    `APT::Install-Recommends "false";`,
    `APT::Sandbox::User "root";`,
    `Acquire::ForceHash "SHA256";`,
    `Acquire::Languages "none";`,
    "",
  ].join("\n");
