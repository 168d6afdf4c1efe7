import { readFileSync } from "node:fs";
import { defined } from "@netbind/contract";
import type { ApiClient } from "@netbind/kube";
import { applyBindings, readSpecs } from "./apply-bindings.ts";
import { awaitBindings } from "./await-bindings.ts";
import { checkInstallation } from "./check-installation.ts";
import type { LifecycleCommand } from "./lifecycle-command.ts";
import { withdrawAll } from "./withdraw-all.ts";

/** Runs a command of the chart's hooks to its end. @throws LifecycleError, ApiError */
export async function runLifecycleCommand(
  command: LifecycleCommand,
  client: ApiClient,
  onProgress: (line: string) => void,
): Promise<void> {
  const { namespace, kubevirtNamespace } = command;
  const parts = { client, namespace, kubevirtNamespace, onProgress };
  const printAll = (lines: readonly string[]): void => lines.forEach(onProgress);
  switch (command.command) {
    case "apply-bindings": {
      const { file, wait } = command;
      const specs = readSpecs(file, () => readFileSync(file, "utf8"));
      printAll(await applyBindings(client, specs));
      if (wait === 0) return;
      const left = await awaitBindings(client, Object.keys(specs), wait * 1000);
      return printAll(left.map((name) => `not registered within ${wait} s: ${name}`));
    }
    case "check":
      return printAll(await checkInstallation(parts));
    case "withdraw":
      return await withdrawAll({ ...parts, force: command.force, ...defined({ release: command.release }) });
  }
  command satisfies never;
}
