/** Bindings registered in the KubeVirt CR of a real API server, beside what others write there. */
import { beforeAll, expect, test } from "vitest";
import type { ApiServer } from "../support/cluster/api-server.ts";
import { eventsOf } from "../support/cluster/events-of.ts";
import { withCrdSchema } from "../support/cluster/kubevirt-crds.ts";
import { applyNetworkBindingCrd } from "../support/cluster/network-binding-crd.ts";
import { Registering, TEST_DIGEST, testRelease } from "../support/cluster/registering.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const WITHIN = { timeout: 20_000, interval: 50 };
const PASST = {
  sidecarImage: `netbind/passt:0.0.0@${TEST_DIGEST}`,
  migration: {},
  computeResourceOverhead: { requests: { memory: "250Mi" } },
};
const SLIRP = { sidecarImage: `netbind/slirp:0.0.0@${TEST_DIGEST}` };

let api: ApiServer;
beforeAll(async () => {
  api = useApiServer();
  await applyNetworkBindingCrd(api);
});

const network = (binding: object): object => ({ configuration: { network: { binding } } });

test("a binding is registered as this release needs it, by its digest, and its conditions say so", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("passt");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST });
  await expect.poll(() => lab.reason("passt", "Ready"), WITHIN).toBe("True Ready");
  expect(await lab.conditions("passt")).toMatchObject({
    ImageResolved: { status: "True", reason: "FromRelease", message: expect.stringContaining(TEST_DIGEST) },
    PlannerReachable: { status: "True", reason: "Embedded" },
    Registered: { status: "True", reason: "Written", message: expect.stringContaining("binding.passt") },
  });
  const { status, metadata } = await lab.binding("passt");
  expect(status?.image).toBe(PASST.sidecarImage);
  expect(metadata.finalizers).toEqual(["netbind.dev/registration"]);
  expect(await api.kubectl(["get", "nb", "passt", "--no-headers"])).toMatch(
    /^passt +True +True +Ready +netbind\/passt/,
  );
});

const AS_IT_WAS: readonly object[] = [
  {},
  { configuration: {} },
  { configuration: { network: {} } },
  network({}),
  { configuration: { network: { defaultNetworkInterface: "masquerade" } } },
  network({ lan: { domainAttachmentType: "tap" } }),
];

test.each(AS_IT_WAS)("when the bindings go, the CR is as it was: %j", async (spec) => {
  await using lab = await Registering.make(api, spec);
  lab.control();
  await lab.bind("passt");
  await lab.bind("slirp");
  await expect.poll(() => lab.registered(), WITHIN).toMatchObject({ passt: PASST, slirp: SLIRP });
  await lab.unbind("passt");
  await expect.poll(() => lab.names(), WITHIN).toEqual(["slirp"]);
  const { passt, slirp } = (await lab.registered()) as Record<string, object>;
  expect([passt, slirp]).toEqual([undefined, SLIRP]);
  await lab.unbind("slirp");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  expect(await lab.specOf()).toEqual(spec);
  const { managedFields } = (await lab.read("kubevirts", "kubevirt")).metadata;
  const ours = managedFields.filter(({ manager }) => manager !== "admin");
  expect(JSON.stringify(ours)).not.toContain("f:binding");
});

test("what another has registered is left alone, whatever comes after, and the condition says whose it is", async () => {
  const mine = { sidecarImage: "registry.example/passt:1" };
  await using lab = await Registering.make(api, network({ passt: mine, slirp: SLIRP }));
  lab.control();
  await lab.bind("passt");
  await lab.bind("slirp");
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("False OwnedByOther");
  expect((await lab.conditions("passt"))["Registered"]?.message).toMatch(
    /"admin" owns spec\.configuration\.network\.binding\.passt\.\w+ of KubeVirt test-\w+\/kubevirt: .* where this binding has/,
  );
  expect(await lab.reason("passt", "Ready")).toBe("False OwnedByOther");
  await expect.poll(() => lab.reason("slirp", "Registered"), WITHIN).toBe("True RegisteredByOther");
  expect(await lab.registered()).toEqual({ passt: mine, slirp: SLIRP });
  await lab.unbind("passt");
  await lab.unbind("slirp");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
  expect(await lab.registered()).toEqual({ passt: mine, slirp: SLIRP });
});

test.each(["by an edit", "by server-side apply"])("a field that another takes over, %s, stays theirs", async (how) => {
  const taken = { passt: { sidecarImage: "registry.example/passt:2" } };
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("passt");
  await lab.bind("slirp");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST, slirp: SLIRP });
  await (how === "by an edit" ? lab.patch(network(taken), "editor") : lab.applyBinding(taken, "editor"));
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("False OwnedByOther");
  const { message } = (await lab.conditions("passt"))["Registered"] ?? {};
  expect(message).toContain('"editor" owns spec.configuration.network.binding.passt.sidecarImage');
  // The other fields follow their author.
  await lab.bind("passt", { registration: { computeResourceOverhead: { requests: { memory: "300Mi" } } } });
  const left = { ...taken.passt, computeResourceOverhead: { requests: { memory: "300Mi" } } };
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: left, slirp: SLIRP });
  await lab.unbind("passt");
  await expect.poll(() => lab.names(), WITHIN).toEqual(["slirp"]);
  expect(await lab.registered()).toEqual({ ...taken, slirp: SLIRP });
  // A later change of what is still the controller's does not undo it.
  await lab.bind("slirp", { image: "registry.example/slirp:3" });
  const after = { ...taken, slirp: { sidecarImage: "registry.example/slirp:3" } };
  await expect.poll(() => lab.registered(), WITHIN).toEqual(after);
});

test("what somebody removes or replaces is written again, and a CR that is made again is followed", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("passt");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST });
  await lab.patch(network({ passt: null }));
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST });
  await lab.patch(network({ passt: { migration: null } }));
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST });
  await lab.deleteKubevirt();
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("False KubeVirtMissing");
  await lab.create("kubevirts", "another", {});
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("True Written");
});

test("a binding without a KubeVirt CR says what is missing, and goes without one", async () => {
  await using lab = await Registering.make(api);
  lab.control();
  await lab.bind("passt");
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("False KubeVirtMissing");
  await lab.unbind("passt");
  await expect.poll(() => lab.names(), WITHIN).toEqual([]);
});

interface Resolved {
  readonly name: string;
  readonly spec: object;
  readonly image: string;
  readonly registered: string;
  readonly entry?: object;
}
const TAP = { domainAttachmentType: "tap" };
const THEIRS = "registry.example/pasta:1";

const RESOLVED: readonly Resolved[] = [
  {
    name: "slirp",
    spec: { fallback: "SlirpOnly" },
    image: "True FromRelease",
    registered: "True Written",
    entry: SLIRP,
  },
  {
    name: "passt",
    spec: { fallback: "SlirpOnly" },
    image: "False FallbackForbidden",
    registered: "False ImageUnresolved",
  },
  {
    ...{ name: "passt", spec: { fallback: "Never", image: THEIRS } },
    ...{ image: "True FromSpec", registered: "True Written", entry: { ...PASST, sidecarImage: THEIRS } },
  },
  { name: "macvtap", spec: {}, image: "True NoSidecar", registered: "True Written", entry: TAP },
  {
    ...{ name: "masquerade", spec: {}, image: "True FromRelease", registered: "True Written" },
    entry: { ...TAP, migration: {}, sidecarImage: `netbind/masquerade:0.0.0@${TEST_DIGEST}` },
  },
  { name: "sriov", spec: {}, image: "True OwnKey", registered: "False OwnKey" },
  // A name that every object of JavaScript's has.
  { name: "constructor", spec: { registration: TAP }, image: "True NoSidecar", registered: "True Written", entry: TAP },
  { name: "pasta", spec: {}, image: "False ImageMissing", registered: "False ImageUnresolved" },
  {
    name: "pasta",
    spec: { image: THEIRS },
    image: "True FromSpec",
    registered: "True Written",
    entry: { sidecarImage: THEIRS },
  },
  { name: "ovs", spec: { registration: TAP }, image: "True NoSidecar", registered: "True Written", entry: TAP },
  {
    ...{ name: "slirp", spec: { registration: { migration: {} } } },
    ...{ image: "True FromRelease", registered: "False RegistrationMismatch" },
  },
  {
    ...{ name: "passt", spec: { registration: { migration: {} } } },
    ...{ image: "True FromRelease", registered: "False RegistrationMismatch" },
  },
  {
    ...{ name: "bridge", spec: { registration: {} } },
    ...{ image: "True FromRelease", registered: "False RegistrationMismatch" },
  },
  {
    ...{ name: "masquerade", spec: { registration: TAP } },
    ...{ image: "True FromRelease", registered: "True Written" },
    entry: { ...TAP, sidecarImage: `netbind/masquerade:0.0.0@${TEST_DIGEST}` },
  },
];

test.each(RESOLVED)("$name with $spec: $image, $registered", async ({ name, spec, image, registered, entry }) => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind(name, spec);
  await expect.poll(() => lab.reason(name, "Registered"), WITHIN).toBe(registered);
  expect(await lab.reason(name, "ImageResolved")).toBe(image);
  expect(await lab.registered()).toEqual(entry === undefined ? {} : { [name]: entry });
});

test("what is written stays where its binding has become one that cannot be registered", async () => {
  await using lab = await Registering.make(api, {});
  lab.control();
  await lab.bind("passt");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST });
  await lab.bind("passt", { fallback: "SlirpOnly" });
  await expect.poll(() => lab.reason("passt", "Registered"), WITHIN).toBe("False ImageUnresolved");
  expect((await lab.conditions("passt"))["Registered"]?.message).toContain("what was written");
  // Another one's change does not take it away either.
  await lab.bind("slirp");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ passt: PASST, slirp: SLIRP });
  await lab.unbind("passt");
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ slirp: SLIRP });
});

test("images come from the registry that an administrator mirrors them to", async () => {
  await using lab = await Registering.make(api, {});
  lab.control(api.credentials, { release: testRelease("mirror.example:5000/netbind-mirror") });
  await lab.bind("slirp");
  const sidecarImage = `mirror.example:5000/netbind-mirror/netbind/slirp:0.0.0@${TEST_DIGEST}`;
  await expect.poll(() => lab.registered(), WITHIN).toEqual({ slirp: { sidecarImage } });
});

test("an image of this release that serves where none is given is a Warning on its binding, once", async () => {
  await using lab = await Registering.make(api, {});
  const events = async (uid: string): Promise<readonly string[]> =>
    (await eventsOf(api, "default"))
      .filter(({ involvedObject }) => involvedObject.uid === uid)
      .map(({ type, reason, message, count }) => `${type} ${reason} ${count} ${message}`);
  lab.control();
  await lab.bind("slirp");
  await lab.bind("pasta", { image: THEIRS });
  const { uid } = (await lab.binding("slirp")).metadata;
  const said = `Warning IMAGE_FALLBACK 1 spec.image is not given: this release's image serves: ${SLIRP.sidecarImage}`;
  await expect.poll(() => events(uid), WITHIN).toEqual([said]);
  expect(await api.kubectl(["events", "--for", "networkbinding/slirp"])).toContain("IMAGE_FALLBACK");
  await lab.bind("slirp", { fallback: "SlirpOnly" });
  await expect.poll(() => lab.reason("slirp", "Ready"), WITHIN).toBe("True Ready");
  await expect.poll(() => lab.reason("pasta", "Registered"), WITHIN).toBe("True Written");
  expect(await events(uid)).toEqual([said]);
  expect(await events((await lab.binding("pasta")).metadata.uid)).toEqual([]);
});

test("grants that a definition of another release took are said on the binding, which is registered all the same", async () => {
  const openAPIV3Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  await using _ = await withCrdSchema(api, "networkbindings.netbind.dev", openAPIV3Schema);
  await using lab = await Registering.make(api, {});
  lab.control();
  const grants = { domainKinds: ["disk"] };
  // A schema takes effect a moment after it is stored.
  await expect.poll(() => lab.bind("slirp", { grants }).catch(String), WITHIN).toBeUndefined();
  await expect.poll(() => lab.reason("slirp", "Ready"), WITHIN).toBe("False GrantsInvalid");
  const { Ready, Registered } = await lab.conditions("slirp");
  expect(Ready?.message).toContain('spec.grants.domainKinds[0]: "disk" is not one of tap, passt');
  expect(Registered?.reason).toBe("Written");
  await lab.bind("slirp", { grants: { domainKinds: ["userNetwork"] } });
  await expect.poll(() => lab.reason("slirp", "Ready"), WITHIN).toBe("True Ready");
});
