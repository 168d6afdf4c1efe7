/** The webhook configurations as their manifest has them: empty, for the controller to fill. */
import { readFileSync } from "node:fs";
import { CONFIGURATION_NAMES } from "@netbind/controller";
import type { ApiServer } from "./api-server.ts";

const FILE = new URL("../../../core/controller/manifests/webhooks.json", import.meta.url);
const PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

export async function applyWebhookManifest(api: ApiServer): Promise<void> {
  const { items } = JSON.parse(readFileSync(FILE, "utf8")) as { readonly items: readonly object[] };
  await api.apply(...items);
}

/** What the configurations say, as text. */
export async function readWebhookConfigurations(api: ApiServer): Promise<string> {
  const all = await Promise.all(CONFIGURATION_NAMES.map((name) => api.request({ path: `${PATH}/${name}` })));
  return JSON.stringify(all);
}

/** Lets VMs of other tests be. */
export async function removeWebhookConfigurations(api: ApiServer): Promise<void> {
  for (const name of CONFIGURATION_NAMES)
    await api.request({ method: "DELETE", path: `${PATH}/${name}` }).catch(() => undefined);
}
