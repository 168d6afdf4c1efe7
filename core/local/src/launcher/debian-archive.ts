import { defined } from "@netbind/contract";
import type { Exec } from "@netbind/netns";
import { noDebianArchive } from "../errors.ts";

/** Where the machine's own apt gets Debian packages. */
export interface DebianArchive {
  readonly main: string;
  /** The archive of security updates; absent where apt does not use one. */
  readonly security?: string;
}

/**
 * Finds the Debian archive that the machine itself uses.
 *
 * @throws Error where apt does not know one
 */
export async function debianArchive(exec: Exec): Promise<DebianArchive> {
  const targets = await exec(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)"]);
  const uris = targets
    .split("\n")
    .map((line) => line.split("|"))
    .flatMap(([origin, uri]) => (origin === "Debian" && uri !== undefined ? [uri] : []));
  const main = uris.find((uri) => !uri.includes("security"));
  const security = uris.find((uri) => uri.includes("security"));
  if (main === undefined) throw noDebianArchive();
  return defined({ main, security });
}
