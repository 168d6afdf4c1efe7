import { parseArgs } from "node:util";
import { defined } from "@netbind/contract";

interface Common {
  readonly namespace: string;
  readonly kubevirtNamespace: string;
  readonly kubeconfig?: string;
}

/** A release of helm's, and the revision that it has. */
export interface HelmRelease {
  readonly name: string;
  readonly revision: number;
}

/** A command of the chart's hooks. */
export type LifecycleCommand = Common &
  /** `wait`: seconds that the controller has to say how the bindings are. */
  (
    | { readonly command: "apply-bindings"; readonly file: string; readonly wait: number }
    | { readonly command: "check" }
    | { readonly command: "withdraw"; readonly force: boolean; readonly release?: HelmRelease }
  );

const COMMANDS = ["apply-bindings", "check", "withdraw"] as const;

export const LIFECYCLE_USAGE = `commands, which the Helm chart's hooks run to their end:

  netbind-controller apply-bindings FILE [--wait SECONDS]
                                          makes the chart's NetworkBindings those of FILE: JSON, specs by name; waits
                                          until the controller has registered them, or has said why it does not
  netbind-controller check                checks that bindings are registered, agents ready and webhooks asked
  netbind-controller withdraw [--force] [--release NAME:REVISION]
                                          stops the controller and undoes what it wrote; refuses while VMIs use
                                          NetworkBindings, unless --force is given, and says how helm goes on

They take --kubeconfig, --namespace and --kubevirt-namespace.
`;

const SECONDS = /^\d{1,3}$/;
const RELEASE = /^([a-z0-9][-a-z0-9.]{0,52}):([1-9]\d{0,8})$/;

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
        release: { type: "string" },
        wait: { type: "string" },
      },
    });
    const [name, file, ...rest] = positionals;
    const { namespace, "kubevirt-namespace": kubevirtNamespace, kubeconfig, force, release, wait } = values;
    const common = { namespace, kubevirtNamespace, ...defined({ kubeconfig }) };
    const command = COMMANDS.find((one) => one === name);
    if (command === undefined) return { problem: `${JSON.stringify(name)} is not one of ${COMMANDS.join(", ")}` };
    for (const [option, given] of Object.entries({ force: force || undefined, release }))
      if (given !== undefined && command !== "withdraw")
        return { problem: `--${option}: ${command} has no such option` };
    if (wait !== undefined && command !== "apply-bindings") return { problem: `--wait: ${command} has no such option` };
    if (wait !== undefined && !SECONDS.test(wait))
      return { problem: `--wait: ${JSON.stringify(wait)} is not a number of seconds from 0 to 999` };
    const [, helmName = "", revision = ""] = RELEASE.exec(release ?? "") ?? [];
    if (release !== undefined && helmName === "")
      return { problem: `--release: ${JSON.stringify(release)} is not NAME:REVISION` };
    if (rest.length > 0 || (file !== undefined) !== (command === "apply-bindings"))
      return {
        problem: command === "apply-bindings" ? "apply-bindings takes one FILE" : `${command} takes no argument`,
      };
    if (command === "apply-bindings") return { ...common, command, file: file ?? "", wait: Number(wait ?? 0) };
    if (command === "check") return { ...common, command };
    const ofHelm = helmName === "" ? {} : { release: { name: helmName, revision: Number(revision) } };
    return { ...common, command, force, ...ofHelm };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
