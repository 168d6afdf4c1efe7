import { CommandError } from "@netbind/netns";
import {
  badArchive,
  changedBlob,
  failedPull,
  failingRegistry,
  type ImageError,
  isFull,
  missingFile,
  missingImage,
  plainRegistry,
  refusedImage,
  tooLarge,
  unreachableRegistry,
  untrustedRegistry,
} from "./errors.ts";
import { AUTH_FILE } from "./host-program.ts";
import { type ImageSource, SOURCE_DIRECTORY } from "./image-source.ts";

/** Words of skopeo's, and what they are to the person who asked for an image. */
type Reason = readonly [words: RegExp, explain: (image: string, said: string) => ImageError];

const COMMON: readonly Reason[] = [
  [/no space left on device/i, isFull],
  [/file too large/i, tooLarge],
  [/digest did not match|does not match|doesn't match|digest mismatch|unexpected digest/i, changedBlob],
];
const OF_REGISTRIES: readonly Reason[] = [
  [
    /no such host|connection refused|i\/o timeout|network is unreachable|no route to host|handshake timeout|deadline exceeded|server misbehaving|failure in name resolution|connection reset|: EOF$/i,
    unreachableRegistry,
  ],
  ...COMMON,
  [/gave HTTP response to HTTPS client/i, plainRegistry],
  [/x509:|certificate/i, untrustedRegistry],
  [
    /unauthorized|authentication required|access to the resource is denied|denied:|status ?code:? 40[13]|invalid username/i,
    refusedImage,
  ],
  [
    /manifest unknown|name unknown|not found|no such file|status ?code:? 404|repository (name )?not known/i,
    missingImage,
  ],
  [/status ?code:? (429|5\d\d)|unexpected HTTP status: (429|5\d\d)|toomanyrequests/i, failingRegistry],
];
const OF_FILES: readonly Reason[] = [
  ...COMMON,
  // What it unpacked an archive to has no index, or no manifest.
  [
    /\/oci\d+\/index\.json|component manifest\.json: file does not exist|unexpected EOF|invalid tar header/i,
    badArchive,
  ],
  [/no such file|file does not exist|not a directory|is a directory|not found|no descriptor found/i, missingFile],
];

/** What skopeo says at its end, on one line and without what surrounds it. */
const lastWords = (stderr: string): string => {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  const said = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
  return (
    said
      ?.replace(/\\[nt]/g, " ")
      .replace(/\\(.)/g, "$1")
      .replace(/ +/g, " ")
      .trim() ?? line
  );
};

/** The image is named already, and where the sandbox shows a file is nowhere that a reader could look. */
function inTermsOfMachine(said: string, { directory }: ImageSource, authFile: string | undefined): string {
  const plain = said
    .replace(/^(FATA\S* )?error parsing image name "[^"]*": /i, "")
    // A registry that says nothing more.
    .replace(/,$/, "")
    .replaceAll(AUTH_FILE, authFile ?? AUTH_FILE);
  return directory === undefined
    ? plain
    : plain.replaceAll(`${SOURCE_DIRECTORY}/`, directory.endsWith("/") ? directory : `${directory}/`);
}

/** Why skopeo failed, in terms of the image; `authFile` is what its passwords are from. */
export function explainSkopeo(source: ImageSource, error: unknown, authFile?: string): Error {
  if (!(error instanceof CommandError)) return error as Error;
  const said = inTermsOfMachine(lastWords(error.stderr) || error.message, source, authFile);
  const reasons = source.directory === undefined ? OF_REGISTRIES : OF_FILES;
  const explain = reasons.find(([words]) => words.test(said))?.[1] ?? failedPull;
  return explain(source.text, said);
}
