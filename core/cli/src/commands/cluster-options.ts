/** The options of every command that looks at a cluster, as kubectl has them. */
import { isLabel } from "@netbind/kubevirt";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CalledAs } from "./command-context.ts";

/** Which cluster is looked at. */
export interface ClusterOptions {
  /** Absent: what KUBECONFIG names, else `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Absent: the current one. */
  readonly context?: string;
  /** Absent: the context's. */
  readonly namespace?: string;
}

function named(value: string): string {
  if (value === "") throw new InvalidArgumentError("Write a name.");
  return value;
}

/** Adds `--kubeconfig` and `--context`. */
export const addClusterOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--kubeconfig <file>",
        "how to reach the cluster (default: the files in KUBECONFIG, else ~/.kube/config, else a pod's service account)",
      ).argParser(named),
    )
    .addOption(new Option("--context <name>", "context of the kubeconfig (default: the current one)").argParser(named));

/** Adds `--cluster`, for a command that is also of use without a cluster. */
export const addClusterSwitch = (command: Command, what: string): Command =>
  addClusterOptions(
    command.option(
      "--cluster",
      `${what}; --context and --kubeconfig do so too, and kubectl netbind does always`,
      false,
    ),
  );

function namespace(value: string): string {
  if (!isLabel(value)) throw new InvalidArgumentError("Write the name of a namespace.");
  return value;
}

/** `-n`. */
export const namespaceOption = (what = "namespace (default: the context's)"): Option =>
  new Option("-n, --namespace <name>", what).argParser(namespace);

/** True where a cluster is meant: by an option, or because kubectl was called. */
export const isOfCluster = (
  { cluster, context, kubeconfig }: ClusterOptions & { readonly cluster: boolean },
  calledAs: CalledAs,
): boolean => cluster || calledAs === "kubectl netbind" || context !== undefined || kubeconfig !== undefined;
