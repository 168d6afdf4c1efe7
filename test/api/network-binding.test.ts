/** NetworkBindings on a real API server: what its schema takes and refuses, and what kubectl shows and waits for. */
import { checkGrants } from "@netbind/engine";
import { beforeAll, expect, test } from "vitest";
import { ApiError, type ApiServer } from "../support/cluster/api-server.ts";
import {
  applyNetworkBindingCrd,
  NETWORK_BINDINGS_PATH,
  networkBinding,
} from "../support/cluster/network-binding-crd.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

const DIGEST = `sha256:${"a".repeat(64)}`;

/** What the server says of an object that it is asked to check alone; an empty text where it takes it. */
async function refusal(object: object): Promise<string> {
  try {
    const path = `${NETWORK_BINDINGS_PATH}?dryRun=All&fieldValidation=Strict`;
    await api.request({ method: "POST", path, body: object });
    return "";
  } catch (error) {
    if (!(error instanceof ApiError) || ![400, 422].includes(error.status)) throw error;
    return error.message;
  }
}

const TAKEN: readonly object[] = [
  {},
  { fallback: "SlirpOnly" },
  { fallback: "Never", image: `registry.example:5000/netbind/passt@${DIGEST}` },
  { fallback: "Never", registration: { domainAttachmentType: "managedTap" } },
  { image: "netbind/passt:1.0", registration: { domainAttachmentType: "tap", migration: {} } },
  { registration: { migration: { method: "link-refresh" }, downwardAPI: "device-info" } },
  { registration: { networkAttachmentDefinition: "default/netbindingpasst" } },
  { registration: { networkAttachmentDefinition: "netbindingpasst" } },
  { registration: { computeResourceOverhead: { requests: { memory: "250Mi" } } } },
];

test.each(TAKEN)("taken: %j", async (spec) => {
  expect(await refusal(networkBinding("red", spec))).toBe("");
});

const REFUSED: readonly (readonly [object, string])[] = [
  [{ fallback: "Sometimes" }, 'Unsupported value: \\"Sometimes\\"'],
  [{ fallback: "Never" }, "with fallback: Never, give an image"],
  [{ fallback: "Never", registration: { migration: {} } }, "with fallback: Never, give an image"],
  [{ image: "a b" }, "spec.image"],
  [{ image: "https://registry.example/passt" }, "spec.image"],
  [{ image: "passt@sha256:abc" }, "spec.image"],
  [{ image: "passt", registration: { domainAttachmentType: "managedTap" } }, "KubeVirt wires the NIC itself"],
  [{ registration: { domainAttachmentType: "Tap" } }, 'Unsupported value: \\"Tap\\"'],
  [{ registration: { migration: { method: "reboot" } } }, 'Unsupported value: \\"reboot\\"'],
  [{ registration: { downwardAPI: "devices" } }, 'Unsupported value: \\"devices\\"'],
  [{ registration: { networkAttachmentDefinition: "a/b/c" } }, "spec.registration.networkAttachmentDefinition"],
  [{ registration: { sidecarImage: "passt" } }, 'unknown field \\"spec.registration.sidecarImage\\"'],
  [{ registration: { computeResourceOverhead: { requests: { memory: "250MB" } } } }, "a quantity of bytes"],
  [{ registration: { computeResourceOverhead: { requests: { memory: "-1Mi" } } } }, "a quantity of bytes"],
  [{ registration: { computeResourceOverhead: { requests: { cpu: "1" } } } }, "unknown field"],
  [{ registration: { computeResourceOverhead: { limits: { memory: "1Mi" } } } }, "unknown field"],
  [{ sidecar: "passt" }, 'unknown field \\"spec.sidecar\\"'],
];

test.each(REFUSED)("refused: %j", async (spec, said) => {
  expect(await refusal(networkBinding("red", spec))).toContain(said);
});

test("a name that no directory can have, and an object without a spec are refused", async () => {
  expect(await refusal(networkBinding("a".repeat(63)))).toBe("");
  expect(await refusal(networkBinding("a".repeat(64)))).toContain("at most 63 characters");
  expect(await refusal({ ...networkBinding("red"), spec: undefined })).toContain("spec: Required value");
});

/** Words of every list, and what no list has. */
const WORDS = [
  ...["bridge", "tap", "adopted", "placeholder", "dhcp4", "dhcp6", "ra"],
  ...["passt", "vhostuser", "vdpa", "userNetwork", "hostdev"],
  ...["net.ipv4.ip_forward", "net.ipv4.conf.<own>.proxy_arp", "net.ipv4.conf.<other>.x", "net", "kernel.pid_max"],
  ...["NET_RAW", "net_raw", "N", "CAP", "", "tap "],
  ...["example.com/nic", "example.com/Nic_1.a", "Example.com/nic", "example.com/", "/nic", "nic", "Nic_1", "-nic"],
  ...[
    `${"a".repeat(253)}/nic`,
    `${"a".repeat(254)}/nic`,
    `example.com/${"a".repeat(63)}`,
    `example.com/${"a".repeat(64)}`,
  ],
];
const LISTS = [
  "linkKinds",
  "serviceKinds",
  "domainKinds",
  "sysctls",
  "capabilities",
  "devices",
  "annotations",
] as const;

test.each(LISTS)("grants: of %s the schema takes what the engine takes", async (list) => {
  const isTaken = async (word: string): Promise<boolean> =>
    (await refusal(networkBinding("red", { grants: { [list]: [word] } }))) === "";
  const taken = await Promise.all(WORDS.map(isTaken));
  const ofEngine = WORDS.map((word) => checkGrants({ red: { [list]: [word] } }).length === 0);
  expect(WORDS.filter((_, at) => taken[at])).toEqual(WORDS.filter((_, at) => ofEngine[at]));
  expect(taken).toContain(true);
});

const condition = (type: string, reason: string, observedGeneration: number): object => ({
  ...{ type, status: "True", reason, message: "as it is", observedGeneration },
  lastTransitionTime: "2026-01-01T00:00:00Z",
});

test("kubectl lists a binding by its short name with what it is, and waits for its condition", async () => {
  const name = "shown";
  await api.apply(networkBinding(name, { fallback: "SlirpOnly" }));
  const conditions = [condition("Registered", "Written", 1), condition("Ready", "Ready", 1)];
  const status = { image: `netbind/shown@${DIGEST}`, conditions };
  const place = { method: "PATCH", path: `${NETWORK_BINDINGS_PATH}/${name}` } as const;
  // A write to the object does not write its status.
  await api.request({ ...place, body: { status } });
  const wait = ["wait", "nb", name, "--for=condition=Ready", "--timeout=1s"];
  await expect(api.kubectl(wait)).rejects.toThrow("timed out");
  await api.request({ ...place, path: `${place.path}/status`, body: { status } });
  expect(await api.kubectl(wait)).toContain("condition met");
  const [head, row] = (await api.kubectl(["get", "nb", name, "--output=wide"])).split("\n");
  expect(head?.split(/\s+/)).toEqual(["NAME", "REGISTERED", "READY", "REASON", "IMAGE", "FALLBACK", "AGE"]);
  expect(row?.split(/\s+/).slice(0, 6)).toEqual([name, "True", "True", "Ready", status.image, "SlirpOnly"]);
  await api.request({ method: "DELETE", path: place.path });
});
