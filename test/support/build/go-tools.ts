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

function hashOf(directory: string, version: string): string {
  const hash = createHash("sha256").update(version);
  for (const name of readdirSync(directory).sort()) hash.update(name).update(readFileSync(join(directory, name)));
  return hash.digest("hex").slice(0, 16);
}

/**
 * Builds a program of test/go, and gives its path. The first time takes a minute or two: gRPC and the standard library
 * are compiled.
 *
 * @throws Error where Go is missing, or says that the program is wrong
 */
export function buildGoTool(name: string): string {
  const cwd = fileURLToPath(new URL(`../../go/${name}`, import.meta.url));
  const go = (...args: readonly string[]): string => {
    try {
      return execFileSync("go", args, {
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
  };
  const directory = join(stateDirectories(process.env).cache, "go-tools");
  const built = join(directory, `${hashOf(cwd, go("version"))}-${name}`);
  if (existsSync(built)) return built;
  mkdirSync(directory, { recursive: true });
  const next = `${built}.${process.pid}`;
  go("build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", next, ".");
  renameSync(next, built);
  return built;
}
