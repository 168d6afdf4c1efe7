import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** A copy of the tree as it is, committed or not, with the checkout's own tools: what an author changes and builds. */
export class TreeCopy implements Disposable {
  readonly root: string;

  constructor(directory: string) {
    this.root = join(directory, "netbind");
    const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    for (const file of listed.split("\0").filter((name) => name !== "")) {
      mkdirSync(dirname(join(this.root, file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.root, file), { recursive: true, force: true, errorOnExist: false });
    }
    symlinkSync(join(ROOT, "tools/node_modules"), join(this.root, "tools/node_modules"));
  }

  /** Changes a file's text; `change` is given what it has. */
  edit(file: string, change: (text: string) => string): void {
    const path = join(this.root, file);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }

  /** Runs a program of the copy to its end. Gives its output. @throws Error with its output, where it fails */
  run(...[file = "", ...args]: readonly string[]): string {
    const path = `${join(this.root, "tools/node_modules/.bin")}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
    return execFileSync(file, args, {
      cwd: this.root,
      encoding: "utf8",
      env: { ...process.env, PATH: path },
      stdio: "pipe",
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
