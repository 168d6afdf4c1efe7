/** What the controller's account may change of KubeVirt's and HyperConverged's CRs, tried with its token: a row a kind of change. */
import { beforeAll, describe, expect, test } from "vitest";
import type { ApiCredentials, ApiRequest, ApiServer, TestNamespace } from "../support/cluster/api-server.ts";
import { chart } from "../support/cluster/chart.ts";
import { controllerAccount } from "../support/cluster/controller-role.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 30_000, interval: 100 };
const ACCOUNT = "netbind-controller";
const REFUSED = /Netbind's controller may /;

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

/** The chart's policies for a controller that is in a namespace of a test, until that is over. */
async function applyPolicies(namespace: string): Promise<AsyncDisposable> {
  const policies = chart().filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
  expect(policies).toHaveLength(4);
  const own = JSON.stringify(policies)
    .replaceAll("system:serviceaccount:netbind:", `system:serviceaccount:${namespace}:`)
    .replaceAll('"netbind-kubevirt"', `"kubevirt-${namespace}"`)
    .replaceAll('"netbind-hyperconverged"', `"hyperconverged-${namespace}"`);
  const items = JSON.parse(own) as readonly object[];
  await api.apply(...items);
  const list = { apiVersion: "v1", kind: "List", items };
  return { [Symbol.asyncDispose]: async () => void (await api.kubectl(["delete", "--filename=-"], list)) };
}

interface Cr {
  readonly plural: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** A change of what is the controller's to change. */
  readonly own: object;
  /** Changes of the rest of the spec: of a value, one more, one less, and of what is around the entries. */
  readonly others: Readonly<Record<string, object>>;
}

const CRS: readonly Cr[] = [
  {
    ...{ plural: "kubevirts", apiVersion: "kubevirt.io/v1", kind: "KubeVirt" },
    spec: {
      imagePullPolicy: "Always",
      configuration: {
        developerConfiguration: { featureGates: ["Snapshot"] },
        network: { defaultNetworkInterface: "bridge", binding: { theirs: { sidecarImage: "theirs:1" } } },
      },
    },
    own: { configuration: { network: { binding: { ours: { sidecarImage: "ours:1" } } } } },
    others: {
      "a field of spec is changed": { imagePullPolicy: "Never" },
      "a field of spec is added": { imageTag: "v1" },
      "a field of spec is removed": { imagePullPolicy: null },
      "spec.configuration is changed": { configuration: { developerConfiguration: { featureGates: ["Root"] } } },
      "spec.configuration gets a field": { configuration: { evictionStrategy: "LiveMigrate" } },
      "spec.configuration loses a field": { configuration: { developerConfiguration: null } },
      "spec.configuration goes": { configuration: null },
      "spec.configuration.network is changed": {
        configuration: { network: { defaultNetworkInterface: "masquerade" } },
      },
      "spec.configuration.network gets a field": { configuration: { network: { permitSlirpInterface: true } } },
      "spec.configuration.network loses a field": { configuration: { network: { defaultNetworkInterface: null } } },
    },
  },
  {
    ...{ plural: "hyperconvergeds", apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged" },
    spec: {
      featureGates: { persistentReservation: true },
      networking: { other: 1 },
      networkBinding: { theirs: { sidecarImage: "theirs:1" } },
    },
    own: { networkBinding: { ours: { sidecarImage: "ours:1" } }, networking: { networkBinding: { ours: {} } } },
    others: {
      "a field of spec is changed": { featureGates: { persistentReservation: false } },
      "a field of spec is added": { tlsSecurityProfile: { type: "Old" } },
      "a field of spec is removed": { featureGates: null },
      "spec.networking is changed": { networking: { other: 2 } },
      "spec.networking gets a field": { networking: { more: 1 } },
      "spec.networking loses a field": { networking: { other: null } },
    },
  },
];

/** Changes of an object that are alike for every kind, as a merge patch. */
const OF_METADATA: Readonly<Record<string, object>> = {
  "a label is added": { labels: { more: "x" } },
  "a label is changed": { labels: { mine: "y" } },
  "a label is removed": { labels: { mine: null } },
  "all labels are removed": { labels: null },
  "an annotation is added": { annotations: { more: "x" } },
  "an annotation is changed": { annotations: { mine: "y" } },
  "an annotation is removed": { annotations: { mine: null } },
  "a finalizer is added": { finalizers: ["example.com/mine", "example.com/more"] },
  "a finalizer is removed": { finalizers: [] },
  "an owner is added": {
    ownerReferences: [
      { apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "a" },
      { apiVersion: "v1", kind: "ConfigMap", name: "b", uid: "b" },
    ],
  },
  "an owner is removed": { ownerReferences: null },
};
const METADATA = {
  labels: { mine: "x" },
  annotations: { mine: "x" },
  finalizers: ["example.com/mine"],
  ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "a", uid: "a" }],
};

/** A namespace with a CR, and an account that RBAC would let do anything with it. */
class Scene implements AsyncDisposable {
  readonly #namespace: TestNamespace;
  readonly #cr: Cr;
  readonly #account: ApiCredentials;
  readonly #policies: AsyncDisposable;

  private constructor(namespace: TestNamespace, cr: Cr, account: ApiCredentials, policies: AsyncDisposable) {
    this.#namespace = namespace;
    this.#cr = cr;
    this.#account = account;
    this.#policies = policies;
  }

  static async make(cr: Cr): Promise<Scene> {
    const namespace = await api.makeNamespace();
    const account = await api.asServiceAccount(namespace.name, ACCOUNT);
    const rbac = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: "all", namespace: namespace.name } };
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "all" };
    const [group = ""] = cr.apiVersion.split("/");
    await api.apply(
      { ...rbac, kind: "Role", rules: [{ apiGroups: [group], resources: ["*"], verbs: ["*"] }] },
      {
        ...rbac,
        kind: "RoleBinding",
        roleRef,
        subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace: namespace.name }],
      },
    );
    const scene = new Scene(namespace, cr, account, await applyPolicies(namespace.name));
    await api.request({ method: "POST", path: scene.path(), body: scene.object("cr", METADATA) });
    // A policy takes effect a moment after it is stored.
    const early = {
      method: "PATCH",
      path: scene.path("cr", "?dryRun=All"),
      body: { metadata: { labels: { early: "x" } } },
    } as const;
    await expect.poll(() => scene.said(early), WITHIN).toMatch(REFUSED);
    return scene;
  }

  object(name: string, metadata: object = {}): object {
    const { apiVersion, kind, spec } = this.#cr;
    return { apiVersion, kind, metadata: { ...metadata, name }, spec };
  }

  path(name?: string, rest = ""): string {
    const { apiVersion, plural } = this.#cr;
    const objects = `/apis/${apiVersion}/namespaces/${this.#namespace.name}/${plural}`;
    return `${objects}${name === undefined ? "" : `/${name}`}${rest}`;
  }

  /** What the server says of a request of the account's; empty where it does what is asked. */
  async said(asked: ApiRequest): Promise<string> {
    try {
      await api.request(asked, this.#account);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }

  patch(body: object, rest = "", contentType = "application/merge-patch+json"): Promise<string> {
    return this.said({ method: "PATCH", path: this.path("cr", rest), body, contentType });
  }

  async read(): Promise<object> {
    const { metadata, spec, status } = await api.request<
      Record<"metadata" | "spec" | "status", Record<string, unknown>>
    >({
      path: this.path("cr"),
    });
    const { labels, annotations, finalizers, ownerReferences } = metadata;
    return { metadata: { labels, annotations, finalizers, ownerReferences }, spec, status };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#policies[Symbol.asyncDispose]();
    await api.request({ method: "PATCH", path: this.path("cr"), body: { metadata: { finalizers: null } } });
    await this.#namespace[Symbol.asyncDispose]();
  }
}

describe.each(CRS)("$kind", (cr) => {
  test("every change but of registrations is refused, whatever it is, and none of it is stored", async () => {
    await using scene = await Scene.make(cr);
    await api.request({ method: "PATCH", path: scene.path("cr", "/status"), body: { status: { phase: "Deployed" } } });
    const before = await scene.read();
    const ofSpec = Object.entries(cr.others).map(([what, spec]) => [what, { spec }] as const);
    const ofMetadata = Object.entries(OF_METADATA).map(([what, metadata]) => [what, { metadata }] as const);
    for (const [what, body] of [...ofSpec, ...ofMetadata]) {
      expect(await scene.patch(body), what).toMatch(REFUSED);
      // Beside what it may change too.
      expect(await scene.patch({ ...body, spec: { ...cr.own, ...("spec" in body ? body.spec : {}) } }), what).toMatch(
        REFUSED,
      );
    }
    for (const status of [{ phase: "Deleted" }, { phase: null }, { outdatedVirtualMachineInstanceWorkloads: 1 }, null])
      expect(await scene.patch({ status }, "/status"), JSON.stringify(status)).toMatch(REFUSED);
    for (const [method, name, body] of [
      ["POST", undefined, scene.object("another")],
      ["DELETE", "cr", undefined],
      ["DELETE", undefined, undefined],
    ] as const)
      expect(
        await scene.said({ method, path: scene.path(name), ...(body === undefined ? {} : { body }) }),
        method,
      ).toMatch(/may not (CREATE|DELETE) this object/);
    expect(await scene.read()).toEqual(before);
  });

  test("registrations are applied, changed and removed, with what is around them, and others' changes pass", async () => {
    await using scene = await Scene.make(cr);
    const { apiVersion, kind } = cr;
    const applied = { apiVersion, kind, metadata: { name: "cr" }, spec: cr.own };
    const before = await scene.read();
    expect(await scene.patch(applied, "?fieldManager=netbind-controller", "application/apply-patch+yaml")).toBe("");
    expect(await scene.read()).not.toEqual(before);
    expect(
      await scene.patch({ ...applied, spec: {} }, "?fieldManager=netbind-controller", "application/apply-patch+yaml"),
    ).toBe("");
    expect(await scene.read()).toEqual(before);
    // Another account is not concerned.
    await api.request({ method: "PATCH", path: scene.path("cr"), body: { metadata: { labels: { more: "x" } } } });
  });
});

test("with its own rights and under the policies the controller registers and undoes: the CR is as it was", async () => {
  for (const spec of [{}, { configuration: {} }, { configuration: { network: {} } }, CRS[0]?.spec ?? {}]) {
    await using lab = await Registering.make(api, spec);
    await using _ = await applyPolicies(lab.namespace);
    const problems = lab.control(await controllerAccount(api, lab.namespace));
    await lab.bind("passt");
    await lab.bind("slirp");
    await expect
      .poll(async () => Object.keys(await lab.registered()), WITHIN)
      .toEqual(expect.arrayContaining(["passt", "slirp"]));
    await lab.bind("passt", { image: "registry.example/passt:2" });
    await expect
      .poll(() => lab.registered(), WITHIN)
      .toMatchObject({ passt: { sidecarImage: "registry.example/passt:2" } });
    await lab.unbind("passt");
    await lab.unbind("slirp");
    await expect.poll(() => lab.names(), WITHIN).toEqual([]);
    expect(await lab.specOf()).toEqual(spec);
    expect(problems).toEqual([]);
  }
});

test("so it does in HyperConverged's CR", async () => {
  const spec = CRS[1]?.spec ?? {};
  await using lab = await Registering.make(api);
  const uid = await lab.create("hyperconvergeds", "hco", spec);
  const owner = { apiVersion: "hco.kubevirt.io/v1beta1", kind: "HyperConverged", name: "hco", uid };
  await lab.create("kubevirts", "kubevirt", {}, { ownerReferences: [owner] });
  await using _ = await applyPolicies(lab.namespace);
  const problems = lab.control(await controllerAccount(api, lab.namespace));
  await lab.bind("macvtap");
  const read = async (): Promise<object> => lab.specOf("hyperconvergeds", "hco");
  const networkBinding = { macvtap: { domainAttachmentType: "tap" } };
  await expect.poll(read, WITHIN).toMatchObject({ ...spec, networkBinding });
  await lab.unbind("macvtap");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  expect([await read(), problems]).toEqual([spec, []]);
});
