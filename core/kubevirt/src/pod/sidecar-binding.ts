import type { KubevirtConfiguration } from "../api.ts";
import { registrationsOf } from "../vmi.ts";

/** What a sidecar receives of its registration from KubeVirt 1.9. */
const BINDING_NAME = "NETWORK_BINDING_PLUGIN_NAME";

/** A container of a launcher pod, as far as it says which binding it serves. */
export interface SidecarContainer {
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** The binding that a sidecar serves: the one that KubeVirt names to it, else the only one whose image it has. */
export function bindingOfSidecar(
  { env, image }: SidecarContainer,
  configuration: KubevirtConfiguration,
): string | undefined {
  const reported = env?.find(({ name }) => name === BINDING_NAME)?.value;
  if (reported) return reported;
  const ofImage = Object.entries(registrationsOf(configuration)).filter(
    ([, { sidecarImage }]) => sidecarImage === image,
  );
  return ofImage.length === 1 ? ofImage[0]?.[0] : undefined;
}
