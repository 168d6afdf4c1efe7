import type { GuestSetup } from "@netbind/kubevirt/admission";
import type { CloudInitSource, ReferencedData } from "@netbind/kubevirt";
import { base64Text } from "./base64-text.ts";
import { parseYaml } from "./parse-yaml.ts";

/** The most characters of a network configuration that are read: a VM holds 2048 bytes of it, a Secret may hold more. */
const MOST_NETWORK_DATA = 65_536;

/** The keys of a Secret that KubeVirt takes network data and user data from. */
const KEYS = { networkData: ["networkdata", "networkData"], userData: ["userdata", "userData"] } as const;

/** Data that stands in a cloud-init volume as it is, in base64, or in a Secret. */
interface Source {
  readonly plain?: string | undefined;
  readonly base64?: string | undefined;
  readonly secret?: { readonly name: string } | undefined;
}

function textOf(
  { plain, base64, secret }: Source,
  keys: readonly string[],
  { secrets }: ReferencedData,
): string | undefined {
  if (plain) return plain;
  if (base64) return base64Text(base64);
  const found = secret === undefined ? undefined : secrets[secret.name];
  return keys.flatMap((key) => found?.[key] ?? [])[0];
}

/** A text's only document; undefined where it is not YAML, or too long to be looked at. */
function readYaml(text: string): unknown {
  const [document] = text.length > MOST_NETWORK_DATA ? [] : parseYaml(text);
  return document === undefined || "problem" in document ? undefined : document.value;
}

/** What a cloud-init volume gives its guest, as far as it is in the input. */
export function readGuestSetup(source: CloudInitSource, data: ReferencedData): GuestSetup {
  const networkData = textOf(
    { plain: source.networkData, base64: source.networkDataBase64, secret: source.networkDataSecretRef },
    KEYS.networkData,
    data,
  );
  const userData = textOf(
    { plain: source.userData, base64: source.userDataBase64, secret: source.secretRef },
    KEYS.userData,
    data,
  );
  return {
    ...(networkData === undefined ? {} : { networkData: readYaml(networkData) }),
    ...(userData === undefined ? {} : { userData }),
  };
}
