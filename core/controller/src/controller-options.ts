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
  /** Where API servers are answered; absent: they are not asked to ask. */
  readonly webhooks?: ListenAddress;
  /** The Service that leads API servers there. */
  readonly "webhook-service": string;
  /** How API servers outside of the cluster's network reach them, in the Service's place. */
  readonly "webhook-url"?: string;
  /** A Secret with the webhooks' certificate, which another program writes; absent: the controller certifies itself. */
  readonly "certificate-secret"?: string;
  /** The account that makes launcher pods, as API servers name it. */
  readonly "virt-controller": string;
}

export const USAGE = `usage: netbind-controller [--kubeconfig FILE] [--namespace NAME] [--kubevirt-namespace NAME]
                          [--image-registry PREFIX] [--images FILE] [--bindings DIR] [--listen ADDRESS:PORT]
                          [--webhooks ADDRESS:PORT]

Registers bindings in the KubeVirt CR, as the cluster's NetworkBinding objects say. In a pod, the controller asks the API
server as its service account. Of several replicas, the holder of a Lease writes.

  --kubeconfig F          how to reach the API server from outside of a pod
  --namespace N           the controller's own namespace, with its Lease (netbind)
  --kubevirt-namespace N  the namespace of the KubeVirt CR (kubevirt)
  --image-registry P      where this release's images are mirrored, such as registry.example/mirror
  --images FILE           JSON: images that replace this release's, as {"NAME": {"image": "...", "digest": "sha256:..."}}
  --bindings DIR          sockets of third-party bindings: DIR/NAME/binding.sock for the binding registered as NAME
  --listen H:P            serves /metrics, /healthz and /readyz at an address and port, such as 0.0.0.0:9448
  --webhooks H:P          reviews VMs as API servers store them, over https, and tells API servers of it
  --webhook-service N     the Service of the controller's namespace that leads to it at port 443 (netbind-webhooks)
  --webhook-url URL       instead of a Service: how API servers reach it, such as https://10.0.0.1:9443
  --certificate-secret N  a Secret of the controller's namespace with tls.crt, tls.key and ca.crt, which another program
                          renews, such as cert-manager; absent: the controller certifies itself
  --virt-controller USER  the account whose launcher pods get what bindings need
                          (system:serviceaccount:NAMESPACE:kubevirt-controller, in the namespace of the KubeVirt CR)
  --log-level LEVEL       trace, debug, info, warn, error, fatal or silent (info)

Exit codes: 0 stopped; 1 failed; 2 wrong command line, or a file that it names is wrong.
`;

const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** What the API takes as a namespace's name. */
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** A registry, and the beginning of its repositories' names, as an image begins with it. */
const REGISTRY = /^[a-z0-9][a-z0-9.-]{0,252}(?::\d{1,5})?(?:\/[a-z0-9][a-z0-9._-]{0,127}){0,16}$/;

const URL_OF_HOST = /^https:\/\/(?:[a-z0-9.-]{1,253}|\[[0-9a-f:]{2,39}\])(?::\d{1,5})?$/;

/** A user's name as API servers write it. It becomes a part of an expression. */
const USER = /^[A-Za-z0-9][-A-Za-z0-9:._@/]{0,252}$/;

/** What is wrong with the values of options, in a sentence. */
function findProblem(values: Readonly<Record<string, unknown>>): string | undefined {
  for (const option of ["namespace", "kubevirt-namespace", "webhook-service", "certificate-secret"])
    if (values[option] !== undefined && !NAMESPACE.test(String(values[option])))
      return `--${option}: ${JSON.stringify(values[option])} is not a name of a namespace, a Service or a Secret`;
  if (!LEVELS.includes(String(values["log-level"])))
    return `--log-level: ${JSON.stringify(values["log-level"])} is not one of ${LEVELS.join(", ")}`;
  const url = values["webhook-url"];
  if (url !== undefined && !URL_OF_HOST.test(String(url)))
    return `--webhook-url: ${JSON.stringify(url)} is not a URL such as https://10.0.0.1:9443, without a path`;
  const account = values["virt-controller"];
  if (account !== undefined && !USER.test(String(account)))
    return `--virt-controller: ${JSON.stringify(account)} is not a user's name such as system:serviceaccount:kubevirt:kubevirt-controller`;
  const registry = values["image-registry"];
  return registry === undefined || REGISTRY.test(String(registry))
    ? undefined
    : `--image-registry: ${JSON.stringify(registry)} is not a registry such as registry.example/mirror, without https:// and a slash at its end`;
}

const readAddress = (option: string, text: string | undefined): ListenAddress | undefined =>
  text === undefined ? undefined : readListenAddress(text, option);

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
        webhooks: { type: "string" },
        "webhook-service": { type: "string", default: "netbind-webhooks" },
        "webhook-url": { type: "string" },
        "certificate-secret": { type: "string" },
        "virt-controller": { type: "string" },
      },
    });
    const problem = findProblem(values);
    if (problem !== undefined) return { problem };
    const { listen, webhooks, ...rest } = values;
    const addresses = { listen: readAddress("listen", listen), webhooks: readAddress("webhooks", webhooks) };
    const virtController = `system:serviceaccount:${rest["kubevirt-namespace"]}:kubevirt-controller`;
    return { "virt-controller": virtController, ...rest, ...defined(addresses) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
