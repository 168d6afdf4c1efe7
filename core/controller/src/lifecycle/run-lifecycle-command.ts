import { readFileSync } from "node:fs";
import { defined } from "@netbind/contract";
import type { ApiClient } from "@netbind/kube";
import { applyBindings, readSpecs } from "./apply-bindings.ts";
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
      const { file } = command;
      return printAll(
        await applyBindings(
          client,
          readSpecs(file, () => readFileSync(file, "utf8")),
        ),
      );
    }
    case "check":
      return printAll(await checkInstallation(parts));
    case "withdraw":
      return await withdrawAll({ ...parts, force: command.force, ...defined({ release: command.release }) });
  }
  command satisfies never;
}
