import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "../../../tools/images/cache.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Another machine, as far as a build could see one: its name, its zone, its user's way with files. */
const ELSEWHERE = [
  "unshare",
  "--uts",
  "sh",
  "-c",
  'hostname elsewhere && umask 077 && TZ=Asia/Tokyo exec "$@"',
  "elsewhere",
];

/** Nothing of this checkout's tools: the path that a person's shell has. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What a shell of the person who runs the tests has: how registries are reached, and nothing that npm or the tests set. */
const callersEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|vitest|node_env$|node_options$)/i.test(name)),
  );

/** How a command of a clone ended. */
export interface CloneOutcome {
  readonly status: number | null;
  readonly output: string;
}

/** A clone of what is committed. */
export class Clone {
  readonly root: string;
  readonly out: string;
  readonly #cache: string;
  readonly #prefix: readonly string[];

  private constructor(directory: string, cache: string, prefix: readonly string[]) {
    this.root = join(directory, "netbind");
    this.out = join(directory, "out");
    this.#cache = cache;
    this.#prefix = prefix;
    mkdirSync(directory, { recursive: true });
    const { status, output } = this.#run(["git", "clone", "--quiet", ROOT, this.root], directory);
    if (status !== 0) throw new Error(output);
  }

  static here(directory: string): Clone {
    return new Clone(directory, dirname(cacheDirectory()), []);
  }

  /** A clone with a cache of its own, which has nothing yet but the program that lists contents: building that takes minutes. */
  static elsewhere(directory: string): Clone {
    const cache = join(directory, "cache");
    mkdirSync(join(cache, "oci"), { recursive: true });
    symlinkSync(cacheDirectory("tools"), join(cache, "oci/tools"));
    return new Clone(join(directory, "deeper/down"), cache, ELSEWHERE);
  }

  /** Runs `npm run images` with options. */
  images(...options: readonly string[]): CloneOutcome {
    return this.#run(["npm", "run", "images", "--", "--out", this.out, ...options], this.root);
  }

  #run(argv: readonly string[], cwd: string): CloneOutcome {
    const [file = "", ...args] = [...this.#prefix, ...argv];
    const env = { ...callersEnv(), PATH, NETBIND_CACHE_DIR: this.#cache };
    const { status, stdout, stderr } = spawnSync(file, args, { cwd, env, encoding: "utf8" });
    return { status, output: stdout + stderr };
  }
}
