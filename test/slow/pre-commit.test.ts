/** The hook, installed and called by pre-commit itself, in a repository of a user's. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Nothing of this checkout's tools: the path that a person's shell has. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const git = (cwd: string, ...args: readonly string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], { cwd, encoding: "utf8" });

test("pre-commit installs the hook from a clone, and it judges what is KubeVirt's", { timeout: 900_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-pre-commit-"));
  const [venv, repository] = [join(directory, "venv"), join(directory, "repository")];
  // Registries are reached as the caller's own settings say.
  const env = { ...process.env, PATH: `${venv}/bin:${PATH}`, PRE_COMMIT_HOME: join(directory, "home") };
  try {
    execFileSync("python3", ["-m", "venv", venv]);
    execFileSync(join(venv, "bin/pip"), ["install", "--quiet", "pre-commit"], { env });
    mkdirSync(repository);
    git(repository, "init", "--quiet");
    const rev = git(ROOT, "rev-parse", "HEAD").trim();
    const write = (name: string, text: string): void => writeFileSync(join(repository, name), text);
    write(
      ".pre-commit-config.yaml",
      `repos:\n  - repo: ${ROOT}\n    rev: ${rev}\n    hooks:\n      - {id: netbind-validate, args: [--strict]}\n`,
    );
    write("package.json", "{}");
    write("the vm.yaml", demoVmi({ name: "good", port: 80, nonce: "x" }));
    const call = (): { readonly status: number | null; readonly output: string } => {
      git(repository, "add", "--all");
      const { status, stdout, stderr } = spawnSync("pre-commit", ["run", "--all-files"], {
        cwd: repository,
        env,
        encoding: "utf8",
      });
      return { status, output: stdout + stderr };
    };
    const good = call();
    expect(good.status, good.output).toBe(0);
    expect(good.output).toMatch(/^netbind validate\.+Passed$/m);
    write("bad.yaml", demoVmi({ name: "bad", port: 70000, nonce: "x" }));
    const bad = call();
    expect([bad.status, bad.output]).toEqual([1, expect.stringMatching(/^bad\.yaml:\d+:\d+: error: \[PORT-4\] /m)]);
    expect(bad.output).not.toContain("package.json");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
