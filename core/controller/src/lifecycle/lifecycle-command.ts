import { parseArgs } from "node:util";
import { defined } from "@netbind/contract";

interface Common {
  readonly namespace: string;
  readonly kubevirtNamespace: string;
  readonly kubeconfig?: string;
}

/** A command of the chart's hooks. */
export type LifecycleCommand = Common &
  (
    | { readonly command: "apply-bindings"; readonly file: string }
    | { readonly command: "check" }
    | { readonly command: "withdraw"; readonly force: boolean }
  );

const COMMANDS = ["apply-bindings", "check", "withdraw"] as const;

export const LIFECYCLE_USAGE = `commands, which the Helm chart's hooks run to their end:

  netbind-controller apply-bindings FILE  makes the chart's NetworkBindings those of FILE: JSON, specs by name
  netbind-controller check                checks that bindings are registered, agents ready and webhooks asked
  netbind-controller withdraw [--force]   stops the controller and undoes what it wrote; refuses while VMIs use
                                          NetworkBindings, unless --force is given

They take --kubeconfig, --namespace and --kubevirt-namespace.
`;

/** True for a command line that begins with a command, instead of an option of the controller that serves. */
export const isLifecycleCommand = ([first]: readonly string[]): boolean =>
  first !== undefined && !first.startsWith("-");

/** Reads a command, or says what is wrong with it. */
export function readLifecycleCommand(args: readonly string[]): LifecycleCommand | { readonly problem: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        namespace: { type: "string", default: "netbind" },
        "kubevirt-namespace": { type: "string", default: "kubevirt" },
        kubeconfig: { type: "string" },
        force: { type: "boolean", default: false },
      },
    });
    const [name, file, ...rest] = positionals;
    const { namespace, "kubevirt-namespace": kubevirtNamespace, kubeconfig, force } = values;
    const common = { namespace, kubevirtNamespace, ...defined({ kubeconfig }) };
    const command = COMMANDS.find((one) => one === name);
    if (command === undefined) return { problem: `${JSON.stringify(name)} is not one of ${COMMANDS.join(", ")}` };
    if (force && command !== "withdraw") return { problem: `--force: ${command} has no such option` };
    if (rest.length > 0 || (file !== undefined) !== (command === "apply-bindings"))
      return {
        problem: command === "apply-bindings" ? "apply-bindings takes one FILE" : `${command} takes no argument`,
      };
    if (command === "apply-bindings") return { ...common, command, file: file ?? "" };
    return command === "check" ? { ...common, command } : { ...common, command, force };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
