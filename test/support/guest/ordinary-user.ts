import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleNetbind } from "../nested/bundle-netbind.ts";
import type { Outcome } from "./netbind.ts";

/** The machine's overflow user: it owns nothing. */
const NOBODY = "65534";
const AS_NOBODY = [
  "setpriv",
  "--reuid",
  NOBODY,
  "--regid",
  NOBODY,
  "--clear-groups",
  "--inh-caps=-all",
  "--bounding-set=-all",
  "--",
] as const;
/** The same machine, in a user namespace in which nobody can make another one. */
const WITHOUT_NAMESPACES = ["bwrap", "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--"] as const;

/** The command in a directory that every user may read, and called as one that has no rights. */
export class OrdinaryUser implements Disposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<OrdinaryUser> {
    const directory = mkdtempSync(join(tmpdir(), "netbind-nobody-"));
    chmodSync(directory, 0o755);
    await bundleNetbind(directory);
    // The checkout may stand where nobody may look.
    rmSync(join(directory, "sidecars"));
    mkdirSync(join(directory, "sidecars"));
    copyFileSync(
      fileURLToPath(new URL("../../../sidecars/runtime.json", import.meta.url)),
      join(directory, "sidecars/runtime.json"),
    );
    copyFileSync(process.execPath, join(directory, "node"));
    mkdirSync(join(directory, "home"));
    chmodSync(join(directory, "home"), 0o777);
    return new OrdinaryUser(directory);
  }

  /** Calls the command as this user. */
  netbind(args: readonly string[], stdin: string, { namespaces = true } = {}): Promise<Outcome> {
    const [file, ...rest] = [
      ...AS_NOBODY,
      ...(namespaces ? [] : WITHOUT_NAMESPACES),
      join(this.directory, "node"),
      join(this.directory, "core/cli/bundle/netbind.js"),
      ...args,
    ];
    const home = join(this.directory, "home");
    // Its home as the system knows it is nowhere, where nothing that was compiled is kept.
    const compiled = { NODE_COMPILE_CACHE: join(home, "compiled") };
    const env = { PATH: process.env["PATH"], HOME: home, TMPDIR: tmpdir(), ...compiled };
    const child = spawn(file ?? "", rest, { cwd: "/", env, stdio: "pipe" });
    const text = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk: Buffer) => {
        text[stream] += chunk.toString("utf8");
      });
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, ...text }));
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
