/** Netbind's own kind of object, as its manifest defines it. */
import { readFileSync } from "node:fs";
import type { ApiServer } from "./api-server.ts";

const FILE = new URL("../../../core/controller/manifests/network-binding-crd.json", import.meta.url);
const CRD = JSON.parse(readFileSync(FILE, "utf8")) as { readonly metadata: { readonly name: string } };

export const NETWORK_BINDINGS_PATH = "/apis/netbind.dev/v1alpha1/networkbindings";

/** A NetworkBinding, as an administrator writes it. */
export const networkBinding = (name: string, spec: object = {}): object => ({
  apiVersion: "netbind.dev/v1alpha1",
  kind: "NetworkBinding",
  metadata: { name },
  spec,
});

/** Makes NetworkBindings known to an API server, and waits until it serves them. */
export async function applyNetworkBindingCrd(api: ApiServer): Promise<void> {
  await api.apply(CRD);
  await api.kubectl(["wait", "--for=condition=Established", "--timeout=30s", `crd/${CRD.metadata.name}`]);
}
