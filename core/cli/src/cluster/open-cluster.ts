import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { defined } from "@netbind/contract";
import { ApiClient, inClusterConnection, kubeconfigContext, isObjectName } from "@netbind/kube";
import { DEFAULT_NAMESPACE } from "@netbind/kubevirt";
import type { ClusterOptions } from "../commands/cluster-options.ts";
import { OptionError } from "../errors.ts";

/** A cluster that is looked at. */
export interface OpenCluster extends Disposable {
  readonly client: ApiClient;
  /** The context's name; empty: of the pod that this runs in. */
  readonly context: string;
  /** The namespace that is meant where a name has none. */
  readonly namespace: string;
}

/** The kubeconfigs that kubectl reads; none where there is none. */
function usualFiles(env: NodeJS.ProcessEnv): readonly string[] {
  const named = env["KUBECONFIG"];
  // A file of that list that is not there is none of it.
  if (named) return named.split(delimiter).filter((file) => file !== "" && existsSync(file));
  const usual = join(homedir(), ".kube/config");
  return existsSync(usual) ? [usual] : [];
}

/** Opens the cluster that options name. @throws ConnectionError */
export function openCluster(
  { kubeconfig, context, namespace }: ClusterOptions,
  env: NodeJS.ProcessEnv = process.env,
): OpenCluster {
  const files = kubeconfig === undefined ? usualFiles(env) : [kubeconfig];
  const isNone = files.length === 0 && context === undefined;
  const chosen = isNone
    ? { connection: inClusterConnection({ env }), name: "", namespace: DEFAULT_NAMESPACE }
    : kubeconfigContext(files, { ...defined({ context }), runsPrograms: true });
  const client = new ApiClient(chosen.connection);
  return {
    client,
    context: chosen.name,
    namespace: namespace ?? chosen.namespace,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** A VM as a command line names it: `[namespace/]name`. @throws OptionError where it cannot be one */
export function vmNamed(text: string, namespace: string): { readonly namespace: string; readonly name: string } {
  const parts = text.split("/");
  const [first = "", second] = parts;
  const vm = second === undefined ? { namespace, name: first } : { namespace: first, name: second };
  if (parts.length > 2 || !isObjectName(vm.name) || !isObjectName(vm.namespace))
    throw new OptionError(`${JSON.stringify(text)} is not a valid name of a VM: write [namespace/]name`);
  return vm;
}
