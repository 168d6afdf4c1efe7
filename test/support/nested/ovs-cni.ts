import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";

const MODULE = "github.com/k8snetworkplumbingwg/ovs-cni";
const VERSION = "v0.39.0";
const DEADLINE = 15 * 60_000;

/** The CNI plugin for Open vSwitch, built once from its own source. Gives the program's path. */
export async function ensureOvsCni(cache: string): Promise<string> {
  const directory = join(cache, "nested");
  const program = join(directory, `ovs-cni-${VERSION}`);
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  const workspace = mkdtempSync(join(directory, "ovs-cni-"));
  console.error("building the CNI plugin for Open vSwitch (once; about a minute)");
  const script = `cd "$1" && go mod init ovs && go mod edit -require=${MODULE}@${VERSION} && go build -o ovs ${MODULE}/cmd/plugin`;
  const env = {
    HOME: workspace,
    GOFLAGS: "-mod=mod",
    GOTOOLCHAIN: "local",
    PATH: `${process.env["PATH"] ?? ""}:/usr/local/go/bin:/usr/bin:/bin`,
  };
  await exec(["sh", "-c", script, "sh", workspace], { env, deadline: DEADLINE });
  renameSync(join(workspace, "ovs"), program);
  // Go keeps the modules that it fetched read-only.
  await exec(["chmod", "-R", "u+w", workspace]);
  rmSync(workspace, { recursive: true });
  return program;
}
