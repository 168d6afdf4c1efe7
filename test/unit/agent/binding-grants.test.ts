/** What a binding may do on a cluster: this release's word, the NetworkBinding's above it, and the file's above both. */
import { type GrantsByBinding, STANDARD_GRANTS } from "@netbind/engine";
import { readObjects } from "@netbind/kube";
import { expect, test } from "vitest";
import { BindingGrants } from "../../../core/agent/src/binding/binding-grants.ts";

const RELEASED = { passt: { domainKinds: ["passt"], sysctls: ["net.ipv4.ping_group_range"] } } as const;

/** Grants of a cluster with these NetworkBindings, by name. */
function grantsWith(specs: Readonly<Record<string, unknown>>, file?: GrantsByBinding): BindingGrants {
  const grants = new BindingGrants({ released: RELEASED, ...(file === undefined ? {} : { file }) });
  grants.follow(readObjects(Object.entries(specs).map(objectOf)).networkBindings);
  return grants;
}

const objectOf = ([name, spec]: readonly [string, unknown]): object => ({
  ...{ apiVersion: "netbind.dev/v1alpha1", kind: "NetworkBinding" },
  metadata: { name, uid: "u" },
  spec,
});

test("this release's bindings have its grants and third-party ones the standard, as long as nothing else is given", () => {
  for (const specs of [{}, { passt: {}, theirs: { image: "registry.example/theirs" } }, { passt: { grants: {} } }]) {
    const grants = grantsWith(specs);
    expect(grants.of("passt")).toEqual({ grants: { ...STANDARD_GRANTS, ...RELEASED.passt } });
    expect(grants.of("theirs")).toEqual({ grants: STANDARD_GRANTS });
    expect(grants.of("constructor")).toEqual({ grants: STANDARD_GRANTS });
  }
});

test("each list that a NetworkBinding gives replaces the one below it, and a file's stands above that", () => {
  const specs = {
    passt: { grants: { sysctls: [], capabilities: null } },
    theirs: { grants: { domainKinds: ["vhostuser"], capabilities: ["NET_RAW"] } },
  };
  const passt = { ...STANDARD_GRANTS, domainKinds: ["passt"], sysctls: [] };
  const theirs = { ...STANDARD_GRANTS, domainKinds: ["vhostuser"], capabilities: ["NET_RAW"] };
  expect(grantsWith(specs).of("passt").grants).toEqual(passt);
  expect(grantsWith(specs).of("theirs").grants).toEqual(theirs);
  const both = grantsWith(specs, { theirs: { capabilities: [] } });
  expect(both.of("theirs").grants).toEqual({ ...theirs, capabilities: [] });
  expect(both.of("passt").grants).toEqual(passt);
});

test("a change is followed, and so is a NetworkBinding that goes", () => {
  const grants = grantsWith({ theirs: { grants: { domainKinds: ["vdpa"] } } });
  expect(grants.of("theirs").grants.domainKinds).toEqual(["vdpa"]);
  grants.follow(readObjects([objectOf(["theirs", { grants: { domainKinds: ["hostdev"] } }])]).networkBindings);
  expect(grants.of("theirs").grants.domainKinds).toEqual(["hostdev"]);
  grants.follow([]);
  expect(grants.of("theirs").grants).toEqual(STANDARD_GRANTS);
});

const NOTHING = {
  ...{ linkKinds: [], serviceKinds: [], domainKinds: [], sysctls: [], capabilities: [] },
  ...{ devices: [], annotations: [] },
};

/** Specs whose grants are not grants, and what is said of each. */
const BAD: readonly (readonly [unknown, readonly string[]])[] = [
  [{ grants: { domainKinds: ["disk"], sysctl: [] } }, ['spec.grants.domainKinds[0]: "disk"', "spec.grants.sysctl: "]],
  [{ grants: { sysctls: ["kernel.core_pattern", 1] } }, ["spec.grants.sysctls[0]: ", "spec.grants.sysctls[1]: "]],
  [{ grants: ["tap"] }, ["spec.grants: a list is not an object"]],
  [{ grants: "all" }, ['spec.grants: "all" is not an object']],
  ["all", ['spec.grants: "all" is not an object']],
];

test.each(BAD)(
  "%j: that binding may do nothing, all that is wrong is said, and the others are as they were",
  (spec, says) => {
    const grants = grantsWith({ passt: spec, theirs: { grants: { domainKinds: ["vdpa"] } } });
    const { grants: left, grantsProblem } = grants.of("passt");
    expect([left, grantsProblem?.reason]).toEqual([NOTHING, "GRANTS_INVALID"]);
    for (const one of says) expect(grantsProblem?.message).toContain(one);
    expect(grantsProblem?.message).toContain('NetworkBinding "passt"');
    expect(grants.of("theirs")).toMatchObject({ grants: { domainKinds: ["vdpa"] } });
    expect(grants.of("theirs").grantsProblem).toBe(undefined);
  },
);

test("a NetworkBinding without a name is left out, and keeps no pod from being torn down", () => {
  const { networkBindings, unreadable } = readObjects([{ kind: "NetworkBinding", metadata: {}, spec: {} }]);
  expect(networkBindings).toEqual([]);
  expect(unreadable).toMatchObject([{ uid: "NetworkBinding", problem: "metadata does not have the API's form" }]);
});
