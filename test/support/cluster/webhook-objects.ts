/** The webhook configurations as the chart has them: empty, for the controller to fill. */
import { CONFIGURATION_PLACES } from "@netbind/controller";
import type { ApiServer } from "./api-server.ts";
import { chart } from "./chart.ts";

const PATHS = CONFIGURATION_PLACES.map(
  ({ resource: { group, version, plural }, name }) => `/apis/${group}/${version}/${plural}/${name}`,
);

export async function applyEmptyWebhooks(api: ApiServer): Promise<void> {
  await api.apply(...chart().filter(({ kind }) => kind.endsWith("WebhookConfiguration")));
}

/** What the configurations say, as text. */
export async function readWebhookConfigurations(api: ApiServer): Promise<string> {
  const all = await Promise.all(PATHS.map((path) => api.request({ path })));
  return JSON.stringify(all);
}

/** Lets VMs of other tests be. */
export async function removeWebhookConfigurations(api: ApiServer): Promise<void> {
  for (const path of PATHS) await api.request({ method: "DELETE", path }).catch(() => undefined);
}
