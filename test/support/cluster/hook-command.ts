/** A command of the chart's hooks, as their pods run it: the controller's program, to its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CONTROLLER, WITH_COMPILED } from "../build/programs.ts";
import type { ApiServer } from "./api-server.ts";
import { allowHook, controllerAccount } from "./controller-role.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/** What a command printed, and its exit code. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly said: string;
}

/** Runs a command in a namespace that is KubeVirt's too, with the rights that the chart gives that hook. */
export async function runHook(
  api: ApiServer,
  namespace: string,
  component: string,
  args: readonly string[],
): Promise<Ended> {
  const credentials = await controllerAccount(api, namespace);
  await allowHook(api, namespace, component);
  const directory = mkdtempSync(join(tmpdir(), "netbind-hook-"));
  try {
    const kubeconfig = join(directory, "kubeconfig");
    writeKubeconfig(kubeconfig, credentials);
    const place = ["--kubeconfig", kubeconfig, "--namespace", namespace, "--kubevirt-namespace", namespace];
    const env = { ...process.env, ...WITH_COMPILED };
    const child = spawn(process.execPath, [...CONTROLLER, ...args, ...place], {
      stdio: ["ignore", "pipe", "pipe"],
      env,
    });
    const [out, said, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
    return { code: Number(code), out, said };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
