import { type Violation, violation } from "@netbind/contract";
import { parseQuantity } from "../facts/quantity.ts";

/** The shape of a part of a document: what is read, and of which type. */
type Shape =
  | { readonly type: "string" | "integer" | "boolean" | "quantity" }
  | { readonly type: "list"; readonly of: Shape }
  | { readonly type: "map"; readonly of: Shape }
  /** `closed`: a field that is not listed is a mistake. */
  | {
      readonly type: "object";
      readonly closed: boolean;
      readonly fields: Readonly<Record<string, Shape>>;
      readonly required: readonly string[];
    };

const string: Shape = { type: "string" };
const integer: Shape = { type: "integer" };
const boolean: Shape = { type: "boolean" };
const quantity: Shape = { type: "quantity" };
const list = (of: Shape): Shape => ({ type: "list", of });
const map = (of: Shape): Shape => ({ type: "map", of });
const closed = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape => ({
  type: "object",
  closed: true,
  fields,
  required,
});
const open = (fields: Readonly<Record<string, Shape>>, ...required: readonly string[]): Shape => ({
  type: "object",
  closed: false,
  fields,
  required,
});

const PORT = closed({ name: string, protocol: string, port: integer }, "port");
const DHCP_OPTIONS = closed({
  bootFileName: string,
  tftpServerName: string,
  ntpServers: list(string),
  privateOptions: list(closed({ option: integer, value: string }, "option", "value")),
});
const EMPTY = closed({});
const INTERFACE = closed(
  {
    name: string,
    model: string,
    bridge: EMPTY,
    masquerade: EMPTY,
    sriov: EMPTY,
    slirp: EMPTY,
    macvtap: EMPTY,
    passt: EMPTY,
    passtBinding: EMPTY,
    binding: closed({ name: string }, "name"),
    ports: list(PORT),
    portRanges: list(closed({ protocol: string, start: integer, end: integer }, "start", "end")),
    macAddress: string,
    bootOrder: integer,
    pciAddress: string,
    dhcpOptions: DHCP_OPTIONS,
    tag: string,
    acpiIndex: integer,
    state: string,
  },
  "name",
);
const NETWORK = closed(
  {
    name: string,
    pod: closed({ vmNetworkCIDR: string, vmIPv6NetworkCIDR: string }),
    multus: closed({ networkName: string, default: boolean }),
    resourceClaim: closed({ claimName: string, requestName: string }),
  },
  "name",
);
const CLOUD_INIT = open({
  userData: string,
  userDataBase64: string,
  secretRef: open({ name: string }),
  networkData: string,
  networkDataBase64: string,
  networkDataSecretRef: open({ name: string }),
});
const VOLUME = open(
  {
    name: string,
    cloudInitNoCloud: CLOUD_INIT,
    hostDisk: open({ path: string }, "path"),
    containerDisk: open({ image: string }, "image"),
    configMap: open({ name: string }),
    secret: open({ secretName: string }),
  },
  "name",
);
const DISK = open(
  { name: string, bootOrder: integer, disk: open({ bus: string }), cdrom: open({ bus: string }), lun: open({ bus: string }) },
  "name",
);
const VMI_SPEC = open(
  {
    domain: open({
      cpu: open({ cores: integer, sockets: integer, threads: integer }),
      memory: open({ guest: quantity }),
      resources: open({ requests: map(quantity), limits: map(quantity) }),
      devices: open({
        interfaces: list(INTERFACE),
        disks: list(DISK),
        autoattachPodInterface: boolean,
        networkInterfaceMultiqueue: boolean,
        useVirtioTransitional: boolean,
      }),
    }),
    networks: list(NETWORK),
    volumes: list(VOLUME),
    hostname: string,
    subdomain: string,
    dnsPolicy: string,
    dnsConfig: open({ nameservers: list(string), searches: list(string) }),
    terminationGracePeriodSeconds: integer,
  },
  "domain",
);
const METADATA = open({ name: string, namespace: string, labels: map(string), annotations: map(string) }, "name");
const REGISTRATION = closed({
  sidecarImage: string,
  networkAttachmentDefinition: string,
  domainAttachmentType: string,
  migration: closed({ method: string }),
  downwardAPI: string,
  computeResourceOverhead: closed({ requests: map(quantity), limits: map(quantity) }),
});
const KUBEVIRT = open({
  metadata: METADATA,
  spec: open({
    configuration: open({
      imagePullPolicy: string,
      network: closed({
        defaultNetworkInterface: string,
        permitSlirpInterface: boolean,
        permitBridgeInterfaceOnPodNetwork: boolean,
        binding: map(REGISTRATION),
      }),
    }),
  }),
});
const NAD = open({ metadata: METADATA, spec: open({ config: string }) });

/** The number of single-character edits between two words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (left === right ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const distance = (candidate: string): number => editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase());
  return known.map((candidate) => ({ candidate, far: distance(candidate) })).sort((a, b) => a.far - b.far)[0]?.candidate;
}

function unknownField(path: string, key: string, known: readonly string[]): Violation {
  const near = nearest(key, known);
  const fix = near === undefined ? "remove it: this field takes none" : `the nearest known field is "${near}"; known: ${known.join(", ")}`;
  return violation(join(path, key), `there is no field ${JSON.stringify(key)} here`, fix);
}

const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
const describe = (value: unknown): string =>
  Array.isArray(value) ? "a list" : value === null ? "null" : typeof value === "object" ? "an object" : JSON.stringify(value);

function wrongType(path: string, value: unknown, wanted: string): readonly Violation[] {
  return [violation(path, `${describe(value)} is not ${wanted}`, `write ${wanted}`)];
}

function checkObject(value: object, shape: Shape & { readonly type: "object" }, path: string): readonly Violation[] {
  const known = Object.keys(shape.fields);
  return [
    ...shape.required.flatMap((key) => (Object.hasOwn(value, key) ? [] : [violation(join(path, key), "the field is missing", "add it")])),
    ...Object.entries(value).flatMap(([key, inner]) => {
      const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
      if (field === undefined) return shape.closed ? [unknownField(path, key, known)] : [];
      // A null is no value, as for the API server.
      return inner === null ? [] : check(inner, field, join(path, key));
    }),
  ];
}

function check(value: unknown, shape: Shape, path: string): readonly Violation[] {
  switch (shape.type) {
    case "string":
      return typeof value === "string" ? [] : wrongType(path, value, "a text (in quotes where it looks like something else)");
    case "boolean":
      return typeof value === "boolean" ? [] : wrongType(path, value, "true or false");
    case "integer":
      return Number.isInteger(value) ? [] : wrongType(path, value, "a whole number");
    case "quantity":
      return (typeof value === "number" || typeof value === "string") && parseQuantity(String(value)) !== undefined
        ? []
        : wrongType(path, value, "a quantity such as 64Mi");
    case "list":
      if (!Array.isArray(value)) return wrongType(path, value, "a list");
      return value.flatMap((inner, at) => check(inner, shape.of, `${path}[${at}]`));
    case "map":
    case "object":
      if (value === null || typeof value !== "object" || Array.isArray(value)) return wrongType(path, value, "an object");
      if (shape.type === "object") return checkObject(value, shape, path);
      return Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : check(inner, shape.of, join(path, key))));
    default:
      return shape satisfies never;
  }
}

/** What is wrong with the shape of a VMI's spec: types of all that is read; unknown fields of networks and interfaces. */
export const checkVmiSpec = (spec: unknown, path = "spec"): readonly Violation[] => check(spec, VMI_SPEC, path);
/** What is wrong with the shape of an object's metadata. */
export const checkMetadata = (metadata: unknown, path = "metadata"): readonly Violation[] => check(metadata, METADATA, path);
/** What is wrong with the shape of a KubeVirt CR: unknown fields of `spec.configuration.network` too. */
export const checkKubevirt = (document: unknown): readonly Violation[] => check(document, KUBEVIRT, "");
/** What is wrong with the shape of a NetworkAttachmentDefinition. */
export const checkNad = (document: unknown): readonly Violation[] => check(document, NAD, "");
