/** The webhook configurations as the chart has them: empty, for the controller to fill. */
import { CONFIGURATION_NAMES } from "@netbind/controller";
import type { ApiServer } from "./api-server.ts";
import { chart } from "./chart.ts";

const PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

export async function applyEmptyWebhooks(api: ApiServer): Promise<void> {
  await api.apply(...chart().filter(({ kind }) => kind.endsWith("WebhookConfiguration")));
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
