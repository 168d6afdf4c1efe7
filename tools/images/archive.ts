import { type DebianArchive, debianArchive } from "../../core/local/src/launcher/debian-archive.ts";
import { exec } from "./exec.ts";
import { ImageError } from "./image-error.ts";

const withSlash = (uri: string): string => (uri.endsWith("/") ? uri : `${uri}/`);

/**
 * The Debian archive that the machine uses, as paths of packages are put behind it.
 *
 * @throws ImageError where apt does not know one
 */
export async function packageArchive(): Promise<DebianArchive> {
  const { main, security } = await debianArchive(exec).catch((error: Error) => {
    throw new ImageError("ARCHIVE_UNKNOWN", error.message, [], "apt-get update");
  });
  return { main: withSlash(main), ...(security === undefined ? {} : { security: withSlash(security) }) };
}
