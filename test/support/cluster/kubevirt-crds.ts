/** The definitions of KubeVirt's, HyperConverged's and multus' resources, as far as tests need them, or KubeVirt's own. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "@netbind/netns";
import type { ApiServer } from "./api-server.ts";

/** A kind of a group. */
interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly short: string;
  /** True where its status is written apart from its specification. KubeVirt's VMI has no such. */
  readonly hasStatus: boolean;
}

const KINDS: readonly Kind[] = [
  {
    ...{ group: "kubevirt.io", version: "v1", kind: "VirtualMachineInstance", plural: "virtualmachineinstances" },
    ...{ short: "vmi", hasStatus: false },
  },
  {
    ...{ group: "kubevirt.io", version: "v1", kind: "VirtualMachine", plural: "virtualmachines" },
    ...{ short: "vm", hasStatus: true },
  },
  {
    ...{ group: "kubevirt.io", version: "v1", kind: "VirtualMachineInstanceMigration" },
    ...{ plural: "virtualmachineinstancemigrations", short: "vmim", hasStatus: true },
  },
  {
    ...{ group: "kubevirt.io", version: "v1", kind: "KubeVirt", plural: "kubevirts", short: "kv", hasStatus: true },
  },
  {
    ...{ group: "hco.kubevirt.io", version: "v1beta1", kind: "HyperConverged", plural: "hyperconvergeds" },
    ...{ short: "hco", hasStatus: true },
  },
  {
    ...{ group: "k8s.cni.cncf.io", version: "v1", kind: "NetworkAttachmentDefinition" },
    ...{ plural: "network-attachment-definitions", short: "net-attach-def", hasStatus: false },
  },
];

/** A definition that takes any object of its kind. */
const definition = ({ group, version, kind, plural, short, hasStatus }: Kind): object => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List`, shortNames: [short] },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        ...(hasStatus ? { subresources: { status: {} } } : {}),
      },
    ],
  },
});

/** Our own small definitions, or KubeVirt's where a folder has them (`NETBIND_CRDS`): one in a JSON file each. */
function definitions(folder: string | undefined): readonly object[] {
  if (folder === undefined || folder === "") return KINDS.map(definition);
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const others = KINDS.filter(({ group }) => group !== "kubevirt.io").map(definition);
  return [...files.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as object), ...others];
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] | null };
}

/** Waits until all definitions are served. `kubectl wait` fails at one whose status has not been written yet. */
export async function waitForCrds(api: ApiServer): Promise<void> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  let missing: readonly string[] = [];
  const isServed = ({ status }: Definition): boolean =>
    (status?.conditions ?? []).some((one) => one.type === "Established" && one.status === "True");
  const areServed = async (): Promise<boolean> => {
    const { items } = await api.request<{ readonly items: readonly Definition[] }>({ path });
    missing = items.filter((one) => !isServed(one)).map(({ metadata }) => metadata.name);
    return missing.length === 0;
  };
  if (!(await waitUntil(areServed, 30_000, 100))) throw new Error(`not served: ${missing.join(", ")}`);
}

/** Makes the resources known to an API server, and waits until it serves them. Gives how many there are. */
export async function applyCrds(api: ApiServer, folder = process.env["NETBIND_CRDS"]): Promise<number> {
  const objects = definitions(folder);
  await api.apply(...objects);
  await waitForCrds(api);
  return objects.length;
}

/** Holds a resource to another schema, until that is over: another version's definition may know more, or less. */
export async function withCrdSchema(api: ApiServer, name: string, openAPIV3Schema: object): Promise<AsyncDisposable> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  const write = (versions: unknown): Promise<unknown> =>
    api.request({ method: "PATCH", path, body: { spec: { versions } } });
  const { spec } = await api.request<{ readonly spec: { readonly versions: readonly object[] } }>({ path });
  await write(spec.versions.map((version) => ({ ...version, schema: { openAPIV3Schema } })));
  return {
    [Symbol.asyncDispose]: async () => {
      await write(spec.versions);
    },
  };
}
