/**
 * The page on installation, command by command as its reader types it, by an API server. Nothing is installed: helm renders
 * the chart and asks the server of every object. `npm run images` is the slow tier's, and so is what `helm test` prints.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandsOf, readPages, ROOT } from "../support/cases/page-blocks.ts";
import { noImages } from "../support/cluster/chart.ts";
import { buildHelm, type HelmRelease } from "../support/cluster/helm.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const PAGE = "docs/install.md";
const commands = (readPages().find(({ name }) => name === PAGE)?.blocks ?? []).flatMap(commandsOf);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-install-"));
  for (const name of ["charts", "docs"]) symlinkSync(join(ROOT, name), join(directory, name));
  mkdirSync(join(directory, "dist/images"), { recursive: true });
  writeFileSync(join(directory, "dist/images/values.json"), JSON.stringify({ images: noImages() }));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A directory with kubectl and helm, which ask the test's API server. */
function programs(major: HelmRelease): string {
  const api = useApiServer();
  const place = join(directory, `helm${major}`);
  mkdirSync(place);
  for (const [name, program] of [
    ["kubectl", api.kubectlProgram],
    ["helm", buildHelm(major)],
  ] as const)
    writeFileSync(join(place, name), `#!/bin/sh\nexec ${program} --kubeconfig=${api.kubeconfig} "$@"\n`, {
      mode: 0o755,
    });
  return place;
}

/** Other tests' CRD on this server, where there is one, is taken as the release's own, as one that an uninstall has kept. */
const adoptCrd = (namespace: string): string => `
crd=$(kubectl get crd networkbindings.netbind.dev --ignore-not-found --output=name)
[ -z "$crd" ] || {
  kubectl label --overwrite "$crd" app.kubernetes.io/managed-by=Helm
  kubectl annotate --overwrite "$crd" meta.helm.sh/release-name=netbind meta.helm.sh/release-namespace=${namespace}
}`;

/** What is run of a command of the page: helm installs nothing where nothing can run. */
const dry = (command: string): string =>
  command.startsWith("helm install ") ? `${command.replace(" --wait", "")} --dry-run=server` : command;

test.each([3, 4] as const)("each command of the page is one that kubectl and helm %i take", async (major) => {
  const path = `${programs(major)}:/usr/bin:/bin`;
  const namespace = `install-${randomBytes(4).toString("hex")}`;
  const run = (command: string): Promise<string> => {
    const own = command.replaceAll(/\bnamespace netbind\b/g, `namespace ${namespace}`);
    return exec(["sh", "-c", `cd "$1" && ${own}`, "sh", directory], { env: { PATH: path }, deadline: 120_000 });
  };
  await run(adoptCrd(namespace));
  const printed = new Map<string, string>();
  for (const command of commands.filter((one) => /^(kubectl|helm install) /.test(one)))
    printed.set(command.split(" ").slice(0, 2).join(" "), await run(dry(command)));
  await run("kubectl delete namespace netbind --wait=false");
  expect([...printed.keys()]).toEqual(["kubectl create", "kubectl label", "helm install"]);
  expect(printed.get("helm install")).toContain("registry.example/mirror/netbind/agent@sha256:");
  // What is left of the page's commands is run by the tests that the page names.
  expect(commands.filter((one) => !/^(kubectl|helm install) /.test(one))).toEqual([
    "npm run images",
    "helm test netbind --namespace netbind",
  ]);
});
