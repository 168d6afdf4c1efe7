/** Programs of the tests that are written in Go, under test/go: built once for each content. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stateDirectories } from "@netbind/local";

/** Where Go's own installer puts it, which is on few PATHs. */
const GO_HOME = "/usr/local/go/bin";

/** The toolchain that is there is the one that builds, without C and without another workspace. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env["PATH"] ?? ""}${delimiter}${GO_HOME}`,
  CGO_ENABLED: "0",
  GOTOOLCHAIN: "local",
  GOWORK: "off",
});

/** How a program of test/go is built, where it is not built as any other. */
export interface GoBuild {
  /** The files that it is made of; absent: all of its folder. */
  readonly files?: readonly string[];
  /** What of its module is built, where that is not the folder itself: a program of another module that `go.mod` names. */
  readonly program?: string;
  /** More options of `go build`. */
  readonly options?: readonly string[];
  /** The command that `go build` is started by: `nice` for a long build. */
  readonly prefix?: readonly string[];
  /** Told before a build begins. */
  readonly onBuild?: () => void;
}

function hashOf(directory: string, files: readonly string[], more: readonly string[]): string {
  const hash = createHash("sha256").update(more.join("\0"));
  for (const name of [...files].sort()) hash.update(name).update(readFileSync(join(directory, name)));
  return hash.digest("hex").slice(0, 16);
}

function runGo(cwd: string, argv: readonly string[]): string {
  const [file = "", ...args] = argv;
  try {
    return execFileSync(file, args, {
      cwd,
      env: environment(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error("Go is missing, and `npm test` would have installed it: apt-get install golang-go", {
      cause: error,
    });
  }
}

/**
 * Builds a program of test/go, and gives its path. The first time takes a minute or two: gRPC and the standard library
 * are compiled. A build that was interrupted leaves nothing that would be taken for a built program.
 *
 * @throws Error where Go is missing, or says that the program is wrong
 */
export function buildGoTool(
  name: string,
  { files, program = ".", options = [], prefix = [], onBuild }: GoBuild = {},
): string {
  const cwd = fileURLToPath(new URL(`../../go/${name}`, import.meta.url));
  const directory = join(stateDirectories(process.env).cache, "go-tools");
  const hash = hashOf(cwd, files ?? readdirSync(cwd), [runGo(cwd, ["go", "version"]), ...options, program]);
  const built = join(directory, `${hash}-${name}`);
  if (existsSync(built)) return built;
  onBuild?.();
  mkdirSync(directory, { recursive: true });
  const next = `${built}.${process.pid}`;
  const always = ["-mod=readonly", "-trimpath", "-buildvcs=false"];
  runGo(cwd, [...prefix, "go", "build", ...always, ...options, "-o", next, program]);
  renameSync(next, built);
  return built;
}

/** Where a module is that a folder of test/go requires: its files, as its checksum there vouches for them. */
export function moduleDirectory(name: string, module: string): string {
  const cwd = fileURLToPath(new URL(`../../go/${name}`, import.meta.url));
  const { Dir } = JSON.parse(runGo(cwd, ["go", "mod", "download", "-json", module])) as { readonly Dir: string };
  return Dir;
}
