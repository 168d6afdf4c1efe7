import type { DeviceSettings, ObjectMeta, ReferencedData } from "@netbind/kubevirt";

import { base64Text } from "./base64-text.ts";
import type { InputDocument } from "./documents.ts";
import { type Kind, kindOf, textOf } from "./kinds.ts";

type Texts = Record<string, string>;

function secretTexts({ value }: InputDocument): Texts {
  const data = Object.entries((value["data"] ?? {}) as Texts).map(
    ([key, text]) => [key, base64Text(textOf(text))] as const,
  );
  return { ...Object.fromEntries(data), ...((value["stringData"] ?? {}) as Texts) };
}

/** Secrets and ConfigMaps, by their namespace. */
export function collectData(documents: readonly InputDocument[]): (namespace: string) => ReferencedData {
  const of = (kind: Kind, namespace: string, read: (document: InputDocument) => Texts): Record<string, Texts> =>
    Object.fromEntries(
      documents
        .filter((document) => kindOf(document) === kind)
        .filter((document) => document.namespace === namespace)
        .flatMap((document) => {
          const { name } = (document.value["metadata"] ?? {}) as Partial<ObjectMeta>;
          return name === undefined ? [] : [[name, read(document)]];
        }),
    );
  return (namespace) => ({
    secrets: of("secret", namespace, secretTexts),
    configMaps: of("configMap", namespace, ({ value }) => (value["data"] ?? {}) as Texts),
  });
}

/** The names of the ConfigMaps that the device plugins of macvtap and SR-IOV read, in whatever namespace they run. */
const DEVICE_CONFIG_MAPS: readonly unknown[] = ["macvtap-deviceplugin-config", "sriovdp-config"];

/** True for the ConfigMap of a device plugin. */
export const isDeviceConfigMap = (document: InputDocument): boolean =>
  kindOf(document) === "configMap" &&
  DEVICE_CONFIG_MAPS.includes((document.value["metadata"] as Partial<ObjectMeta> | undefined)?.name);

/** What the ConfigMaps of device plugins say, by key. */
export function collectDeviceSettings(documents: readonly InputDocument[]): DeviceSettings {
  const named = documents.filter(isDeviceConfigMap);
  return Object.fromEntries(named.flatMap(({ value }) => Object.entries((value["data"] ?? {}) as Texts)));
}
