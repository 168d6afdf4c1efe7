/** Services of a test cluster, and a pod that asks them. */
import type { ApiServer } from "./api-server.ts";
import { BUSYBOX_IMAGE } from "./image-archive.ts";

/** A Service of what has a VM's label. */
export interface ClusterService {
  readonly name: string;
  readonly port: number;
  readonly families: readonly ("IPv4" | "IPv6")[];
}

/** A pod that asks. */
export interface ClusterClient {
  readonly name: string;
  /** What multus attaches it to, beside the pods' network. */
  readonly network?: string;
}

/** The one that asks Services. */
export const CLIENT: ClusterClient = { name: "client" };

/** Makes a pod that asks, where it is not there, and waits until it can. */
export async function makeClient(api: ApiServer, { name, network }: ClusterClient = CLIENT): Promise<void> {
  const containers = [{ name: "client", image: BUSYBOX_IMAGE, command: ["/bin/sleep", "100000"] }];
  const annotations = network === undefined ? {} : { "k8s.v1.cni.cncf.io/networks": network };
  const metadata = { name, namespace: "default", annotations };
  await api.apply({ apiVersion: "v1", kind: "Pod", metadata, spec: { containers, terminationGracePeriodSeconds: 1 } });
  await api.kubectl(["wait", "--for=condition=Ready", `pod/${name}`, "--timeout=55s"]);
}

/** Makes a Service of a VM. Gives its addresses. */
export async function makeService(api: ApiServer, { name, port, families }: ClusterService): Promise<string[]> {
  const ipFamilyPolicy = families.length > 1 ? "RequireDualStack" : "SingleStack";
  const selector = { "vm.kubevirt.io/name": name };
  const spec = { selector, ipFamilyPolicy, ipFamilies: families, ports: [{ port }] };
  await api.apply({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec });
  const addresses = await api.kubectl(["get", "service", name, "-o", "jsonpath={.spec.clusterIPs[*]}"]);
  return addresses.split(" ");
}

/** Runs a command of a client's shell. */
export const inClient = (api: ApiServer, command: string, { name } = CLIENT): Promise<string> =>
  api.kubectl(["exec", name, "--", "sh", "-c", command]);

/** Asks a web server for its page. */
export const httpGet = (api: ApiServer, address: string, port: number, client = CLIENT): Promise<string> =>
  inClient(api, `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${address} ${port}`, client);
