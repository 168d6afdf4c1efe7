/** Netbind's own kind of object, as the chart defines it. */
import type { ApiServer } from "./api-server.ts";
import { chartObject } from "./chart.ts";
import { waitForCrds } from "./kubevirt-crds.ts";

const CRD = chartObject("CustomResourceDefinition", "networkbindings.netbind.dev");

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
  await waitForCrds(api);
}
