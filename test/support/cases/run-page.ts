/** Runs the shell blocks of a page as its reader does, in a directory that looks like the checkout. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Block, type Page, ROOT, TIERS, type Tier } from "./page-blocks.ts";

const BLOCK_DEADLINE = 600_000;

/** What a shell of the pages' reader has. */
const PATH = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** A directory with all that the checkout has, and the files that a page has its reader save. */
function checkoutLike(page: Page): string {
  const directory = mkdtempSync(join(tmpdir(), "netbind-page-"));
  for (const entry of readdirSync(ROOT).filter((name) => name !== ".git"))
    symlinkSync(join(ROOT, entry), join(directory, entry));
  for (const [file, text] of page.files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text, { flag: "wx" });
  }
  return directory;
}

/** A machine of the page's own, as far as its state goes: /run is empty, and nothing of another netbind is in it. */
class OwnRun implements AsyncDisposable {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async make(): Promise<OwnRun> {
    const script = "mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec sleep infinity";
    const holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    return new OwnRun(holder);
  }

  enter(directory: string): readonly string[] {
    return ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, `--wdns=${directory}`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill();
    await once(this.#holder, "exit");
  }
}

interface Place {
  readonly directory: string;
  readonly enter: readonly string[];
}

const environment = (directory: string): NodeJS.ProcessEnv => ({
  HOME: process.env["HOME"] ?? "/root",
  PATH,
  // What the runtime made of the sources: half of what a call of the command takes is that.
  NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/netbind-compiled"),
  NETBIND_LOG_DIR: join(directory, ".logs"),
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^NETBIND_(CGROUP|CACHE_DIR|TIMEOUT_SCALE)$/.test(name)),
  ),
});

/** Runs a block to its end, or until it has printed what it is to run until. Gives its exit code and what it printed. */
async function runBlock(
  block: Block,
  { directory, enter }: Place,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const [file = "", ...args] = [
    ...enter,
    "sh",
    "-eu",
    "-c",
    block.until === undefined ? block.text : `exec ${block.text.trim()}`,
  ];
  const child = spawn(file, args, { cwd: directory, env: environment(directory), timeout: BLOCK_DEADLINE });
  child.stdin.end();
  let output = "";
  let ended = false;
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
      if (ended || block.until === undefined || !output.includes(block.until)) return;
      ended = child.kill("SIGTERM");
    });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

/** Words as an expression: any space for space. */
const words = (text: string): string =>
  text
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("\\s+");

/** A line that a page shows, as an expression: anything for `...`. */
const shown = (line: string): RegExp =>
  new RegExp(
    line
      .trim()
      .split(/\s*\.\.\.\s*/)
      .map(words)
      .join(".*"),
  );

/** The lines that a page shows and a block did not print, in this order. */
function unprinted(prints: readonly string[], output: string): readonly string[] {
  const lines = output.split("\n");
  let at = 0;
  return prints.filter((line) => {
    if (line.trim() === "" || line.trim() === "...") return false;
    const found = lines.findIndex((one, index) => index >= at && shown(line).test(one));
    if (found === -1) return true;
    at = found + 1;
    return false;
  });
}

/** Which blocks of a page a tier runs: its own, and those of the tiers below, which they may go on from. */
export const blocksOf = ({ blocks }: Page, tier: Tier): readonly Block[] =>
  blocks.filter(
    (block) =>
      block.testedBy === undefined && block.sameAs === undefined && TIERS.indexOf(block.tier) <= TIERS.indexOf(tier),
  );

async function execIn(blocks: readonly Block[], place: Place): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const block of blocks) {
    const { code, output } = await runBlock(block, place);
    const missing = unprinted(block.prints, output);
    if (code === block.exit && missing.length === 0) continue;
    const what = code === block.exit ? `it did not print: ${missing.join(" | ")}` : `it ended with ${code}`;
    problems.push(`${block.page}:${block.line}: ${block.text.trim()}\n${what}\n${output}`);
    break;
  }
  return problems;
}

/** Ends the VMs that a page which failed has left. */
function stopAll({ directory, enter }: Place): void {
  const netbind = (...args: readonly string[]): string => {
    const [file = "", ...rest] = [...enter, "./netbind", ...args];
    return execFileSync(file, rest, {
      env: environment(directory),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  };
  const left = JSON.parse(netbind("status", "-o", "json")) as readonly {
    readonly namespace: string;
    readonly name: string;
  }[];
  for (const { namespace, name } of left) netbind("stop", "--force", `${namespace}/${name}`);
}

/**
 * Runs the blocks of a page up to a tier's, in the page's order. Above the unit tier the page has a /run of its own, so that
 * the commands work on the places that they name, and nothing else that runs on this machine is met. Gives what went wrong.
 */
export async function runPage(page: Page, tier: Tier): Promise<readonly string[]> {
  const directory = checkoutLike(page);
  try {
    if (tier === "unit") return await execIn(blocksOf(page, tier), { directory, enter: [] });
    await using own = await OwnRun.make();
    const place = { directory, enter: own.enter(directory) };
    try {
      return await execIn(blocksOf(page, tier), place);
    } finally {
      stopAll(place);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
