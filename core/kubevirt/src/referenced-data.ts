/** The text of Secrets and ConfigMaps, by name in the VM's namespace, and there by key. */
export interface ReferencedData {
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly configMaps: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What device plugins get by their environment or by their ConfigMap, by key: `DP_MACVTAP_CONF`. */
export type DeviceSettings = Readonly<Record<string, string | undefined>>;
