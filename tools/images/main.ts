/** Builds the images of sidecars, agent, controller and launcher: `npm run images`. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { CommandError } from "../../core/netns/src/exec/exec.ts";
import { buildImages, checkOut, chooseRecipes } from "./build-images.ts";
import { ImageError, UPDATE_COMMAND } from "./image-error.ts";
import { readLock, readParts, writeLock } from "./lock.ts";
import { runtimeVersion } from "./runtime-version.ts";
import type { ImageTable } from "./table.ts";
import { describeChanges, lockWhatIsServed } from "./update-lock.ts";

const USAGE = `usage: npm run images -- [--update-lock] [--out DIR] [--lock FILE] [--no-sbom] [NAME...]

Build the OCI images of the bindings, the node agent, the controller and the launcher; all of them where no NAME is given.

  --update-lock  lock the packages that the archives serve now, and build nothing
  --out DIR      write the OCI layout, images.json and the SBOMs to DIR (dist/images)
  --lock FILE    use this lock (sidecars/images/lock.json)
  --no-sbom      do not list the images' contents
`;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OPTIONS = {
  "update-lock": { type: "boolean", default: false },
  "no-sbom": { type: "boolean", default: false },
  out: { type: "string", default: join(ROOT, "dist/images") },
  lock: { type: "string", default: join(ROOT, "sidecars/images/lock.json") },
  help: { type: "boolean", short: "h", default: false },
} as const;

const progress = (line: string): void => console.error(`netbind: ${line}`);

/** Moves a lock to what is served; one that nothing moved in stays as it is, its date included. */
async function updateLock(file: string): Promise<void> {
  progress("asking the archives what they serve");
  const version = runtimeVersion(ROOT);
  const before = existsSync(file) ? readParts(readFileSync(file, "utf8"), version) : undefined;
  const after = await lockWhatIsServed(version);
  const isSame =
    before?.problems.length === 0 && isDeepStrictEqual({ ...before.lock, sourceDate: 0 }, { ...after, sourceDate: 0 });
  if (!isSame) writeLock(file, after);
  const changes = describeChanges(before?.lock, after);
  console.log(changes.length === 0 ? "no version changed" : changes.join("\n"));
}

function printTable(table: ImageTable): void {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);
  for (const { image, digest, platforms } of Object.values(table)) {
    console.log(`${image}@${digest}`);
    for (const [platform, { digest: own, layers }] of Object.entries(platforms))
      console.log(`  ${platform.padEnd(12)} ${own}  layers of ${layers.map(megabytes).join(" + ")} MB`);
  }
}

async function main(args: readonly string[]): Promise<void> {
  // What is made here is read by other users, whatever the caller's own files are.
  process.umask(0o022);
  const { values, positionals: names } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [file, out] = [resolve(values.lock), resolve(values.out)];
  if (values["update-lock"]) return updateLock(file);
  try {
    chooseRecipes(ROOT, names);
    checkOut(out);
    const lock = readLock(file, runtimeVersion(ROOT));
    printTable(await buildImages({ root: ROOT, names, lock, out, withSbom: !values["no-sbom"], progress }));
  } catch (error) {
    throw file === OPTIONS.lock.default ? error : withLock(error, file);
  }
  console.log(`in ${out}`);
}

/** The command that an error names moves this checkout's lock: for another one it needs the option. */
function withLock(error: unknown, file: string): unknown {
  if (error instanceof ImageError)
    error.message = error.message.replace(UPDATE_COMMAND, `${UPDATE_COMMAND} --lock ${file}`);
  return error;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  const isOfSystem = error instanceof Error && "syscall" in error;
  const isPlain = isUsage || isOfSystem || error instanceof ImageError || error instanceof CommandError;
  console.error(isPlain ? `netbind: ${error.message}${isUsage ? `\n${USAGE}` : ""}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
