import { parseArgs } from "node:util";
import type { BindingSockets } from "./binding/binding-sockets.ts";
import { invalidBindingUser } from "./errors.ts";

/** The agent's command line. */
export interface AgentOptions
  extends Readonly<Record<"node" | "objects" | "kubelet" | "state" | "node-netns", string>> {
  readonly sockets?: BindingSockets;
  readonly grants?: string;
}

export const USAGE = `usage: netbind-agent --node NAME --objects DIR [--kubelet DIR] [--state DIR] [--bindings DIR] [--grants FILE]

  --node NAME      this node's name in the cluster
  --objects DIR    VMIs, pods and the KubeVirt CR as JSON files, an object or a list in each
  --kubelet DIR    the kubelet's directory (/var/lib/kubelet)
  --node-netns P   the node's network namespace (/proc/1/ns/net): links in it do not belong to a pod
  --state DIR      where the agent keeps its records (/run/netbind-agent)
  --bindings DIR   sockets of third-party bindings: DIR/NAME/binding.sock for the binding registered as NAME
  --binding-user NAME=UID
                   the user that NAME's process runs as, and that owns DIR/NAME (0); repeatable
  --override NAME  use the process of NAME instead of this release's own binding of that name; repeatable
  --grants FILE    JSON: what each registered binding may plan: linkKinds, serviceKinds, domainKinds, sysctls,
                   capabilities; each list replaces the default one

Exit codes: 0 stopped; 1 failed; 2 wrong command line, or a directory or variable that it names is wrong;
3 the file of grants cannot be read or is not valid.
`;

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
        kubelet: { type: "string", default: "/var/lib/kubelet" },
        "node-netns": { type: "string", default: "/proc/1/ns/net" },
        state: { type: "string", default: "/run/netbind-agent" },
        bindings: { type: "string" },
        "binding-user": { type: "string", multiple: true, default: [] },
        override: { type: "string", multiple: true, default: [] },
        grants: { type: "string" },
      },
    });
    const { node, objects, bindings, "binding-user": users, override, ...rest } = values;
    if (node === undefined || objects === undefined)
      return { problem: "name the node and the directory of objects: --node, --objects" };
    if (bindings === undefined && users.length + override.length > 0)
      return { problem: "--binding-user and --override concern processes below --bindings: name that directory" };
    const sockets =
      bindings === undefined
        ? {}
        : { sockets: { directory: bindings, users: readUsers(users), overrides: new Set(override) } };
    return { ...rest, node, objects, ...sockets };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
