import { parseArgs } from "node:util";
import { defined } from "@netbind/contract";
import type { BindingSockets } from "./binding/binding-sockets.ts";
import { type ListenAddress, readListenAddress } from "@netbind/kube";
import { invalidBindingUser } from "./errors.ts";

/** The agent's command line. */
export interface AgentOptions extends Readonly<Record<"node" | "kubelet" | "state" | "node-netns", string>> {
  /** A directory of objects in files, in the cluster's place. */
  readonly objects?: string;
  /** How to reach the API server where the agent is not in a pod. */
  readonly kubeconfig?: string;
  readonly sockets?: BindingSockets;
  readonly grants?: string;
  /** Where metrics and health are served; absent: nowhere. */
  readonly listen?: ListenAddress;
}

export const USAGE = `usage: netbind-agent --node NAME [--kubeconfig FILE | --objects DIR] [--kubelet DIR] [--state DIR] [--bindings DIR]
                     [--grants FILE]

In a pod, the agent asks the API server as its service account.

  --node NAME      this node's name in the cluster
  --kubeconfig F   how to reach the API server from outside of a pod
  --objects DIR    no API server: VMIs, pods and the KubeVirt CR as JSON files, an object or a list in each
  --kubelet DIR    the kubelet's directory (/var/lib/kubelet)
  --node-netns P   the node's network namespace (/proc/1/ns/net): links in it do not belong to a pod
  --state DIR      where the agent keeps its records (/run/netbind-agent)
  --bindings DIR   sockets of third-party bindings: DIR/NAME/binding.sock for the binding registered as NAME
  --binding-user NAME=UID
                   the user that NAME's process runs as, and that owns DIR/NAME (0); repeatable
  --override NAME  use the process of NAME instead of this release's own binding of that name; repeatable
  --listen H:P     serves /metrics, /healthz and /readyz at an address and port, such as 127.0.0.1:9447 or [::1]:9447,
                   or at all addresses of the pod: :9447
  --grants FILE    JSON: what each registered binding may plan: linkKinds, serviceKinds, domainKinds, sysctls,
                   capabilities; each list replaces the one of the cluster's NetworkBinding of that name, or this
                   release's

Exit codes: 0 stopped; 1 failed; 2 wrong command line, or a directory or variable that it names is wrong;
3 the file of grants cannot be read or is not valid.
`;

/** What the API takes as a node's name. */
const NODE = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** The largest user of Linux; the last number stands for none. */
const LARGEST_UID = 0xffff_fffe;

function readUsers(texts: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    texts.map((text) => {
      const [, name = "", digits = ""] = /^([^=]+)=(\d{1,10})$/.exec(text) ?? [];
      if (name === "" || Number(digits) > LARGEST_UID) throw invalidBindingUser(text);
      return [name, Number(digits)];
    }),
  );
}

/** Reads the command line, or says what is wrong with it. */
export function readOptions(args: readonly string[]): AgentOptions | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        node: { type: "string" },
        objects: { type: "string" },
        kubeconfig: { type: "string" },
        kubelet: { type: "string", default: "/var/lib/kubelet" },
        "node-netns": { type: "string", default: "/proc/1/ns/net" },
        state: { type: "string", default: "/run/netbind-agent" },
        bindings: { type: "string" },
        "binding-user": { type: "string", multiple: true, default: [] },
        override: { type: "string", multiple: true, default: [] },
        grants: { type: "string" },
        listen: { type: "string" },
      },
    });
    const { node, objects, kubeconfig, bindings, "binding-user": users, override, grants, listen, ...rest } = values;
    if (node === undefined || !NODE.test(node))
      return { problem: "name this node as the cluster does: --node NAME, in a pod from the field spec.nodeName" };
    if (objects !== undefined && kubeconfig !== undefined)
      return { problem: "--objects and --kubeconfig are two sources of the same objects: give one" };
    if (bindings === undefined && users.length + override.length > 0)
      return { problem: "--binding-user and --override concern processes below --bindings: name that directory" };
    const sockets =
      bindings === undefined
        ? {}
        : { sockets: { directory: bindings, users: readUsers(users), overrides: new Set(override) } };
    return {
      ...rest,
      node,
      ...defined({ objects, kubeconfig, grants, listen: listen === undefined ? undefined : readListenAddress(listen) }),
      ...sockets,
    };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
