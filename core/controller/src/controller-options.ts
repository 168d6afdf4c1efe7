import { parseArgs } from "node:util";
import { defined } from "@netbind/contract";
import { type ListenAddress, readListenAddress } from "@netbind/kube";

/** The controller's command line. */
export interface ControllerOptions {
  /** The controller's own namespace: its Lease is there. */
  readonly namespace: string;
  readonly "kubevirt-namespace": string;
  readonly "log-level": string;
  /** How to reach the API server where the controller is not in a pod. */
  readonly kubeconfig?: string;
  /** The registry that has this release's images. */
  readonly "image-registry"?: string;
  /** A file of images by binding name, which replace this release's. */
  readonly images?: string;
  /** A directory of third-party bindings' sockets. */
  readonly bindings?: string;
  /** Where metrics and health are served; absent: nowhere. */
  readonly listen?: ListenAddress;
}

export const USAGE = `usage: netbind-controller [--kubeconfig FILE] [--namespace NAME] [--kubevirt-namespace NAME]
                          [--image-registry PREFIX] [--images FILE] [--bindings DIR] [--listen ADDRESS:PORT]

Registers bindings in the KubeVirt CR, as the cluster's NetworkBinding objects say. In a pod, the controller asks the API
server as its service account. Of several replicas, the holder of a Lease writes.

  --kubeconfig F          how to reach the API server from outside of a pod
  --namespace N           the controller's own namespace, with its Lease (netbind)
  --kubevirt-namespace N  the namespace of the KubeVirt CR (kubevirt)
  --image-registry P      where this release's images are mirrored, such as registry.example/mirror
  --images FILE           JSON: images that replace this release's, as {"NAME": {"image": "...", "digest": "sha256:..."}}
  --bindings DIR          sockets of third-party bindings: DIR/NAME/binding.sock for the binding registered as NAME
  --listen H:P            serves /metrics, /healthz and /readyz at an address and port, such as 0.0.0.0:9448
  --log-level LEVEL       trace, debug, info, warn, error, fatal or silent (info)

Exit codes: 0 stopped; 1 failed; 2 wrong command line, or a file that it names is wrong.
`;

const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** What the API takes as a namespace's name. */
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** A registry, and the beginning of its repositories' names, as an image begins with it. */
const REGISTRY = /^[a-z0-9][a-z0-9.-]{0,252}(?::\d{1,5})?(?:\/[a-z0-9][a-z0-9._-]{0,127}){0,16}$/;

/** What is wrong with the values of options, in a sentence. */
function findProblem(values: Readonly<Record<string, unknown>>): string | undefined {
  for (const option of ["namespace", "kubevirt-namespace"])
    if (!NAMESPACE.test(String(values[option])))
      return `--${option}: ${JSON.stringify(values[option])} is not a name of a namespace`;
  if (!LEVELS.includes(String(values["log-level"])))
    return `--log-level: ${JSON.stringify(values["log-level"])} is not one of ${LEVELS.join(", ")}`;
  const registry = values["image-registry"];
  return registry === undefined || REGISTRY.test(String(registry))
    ? undefined
    : `--image-registry: ${JSON.stringify(registry)} is not a registry such as registry.example/mirror, without https:// and a slash at its end`;
}

/** Reads the command line, or says what is wrong with it. */
export function readOptions(args: readonly string[]): ControllerOptions | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        namespace: { type: "string", default: "netbind" },
        "kubevirt-namespace": { type: "string", default: "kubevirt" },
        "log-level": { type: "string", default: "info" },
        kubeconfig: { type: "string" },
        "image-registry": { type: "string" },
        images: { type: "string" },
        bindings: { type: "string" },
        listen: { type: "string" },
      },
    });
    const problem = findProblem(values);
    if (problem !== undefined) return { problem };
    const { listen, ...rest } = values;
    return { ...rest, ...defined({ listen: listen === undefined ? undefined : readListenAddress(listen) }) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
