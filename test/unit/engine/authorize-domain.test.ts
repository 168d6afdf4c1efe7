/** What a plan's domain part may be. */
import { releasedGrants } from "@netbind/bindings";
import type { BindingError, PasstForward, PasstPorts, Plan } from "@netbind/contract";
import { anAttachment } from "@netbind/contract/testing";
import { authorize, findPlanProblems, grantsOf, STANDARD_GRANTS } from "@netbind/engine";
import { expect, test } from "vitest";

const VF = "0000:01:10.0";
const NIC = anAttachment({ allocatedDevices: ["0000:01:10.2", VF] });
const PASST: Plan = { domain: { kind: "passt", forward: [] } };

const refused = (plan: Plan, binding: string, attachment = NIC): string => {
  try {
    authorize(plan, { attachment, grants: grantsOf(binding, releasedGrants()) });
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

test("each kind is granted to the binding that is known for it, and to no other", () => {
  const network: Plan = { domain: { kind: "userNetwork", network: "10.0.2.0/24", search: [], forward: [] } };
  expect(refused(network, "slirp")).toBe("");
  expect(refused(network, "mine")).toContain('"userNetwork" are not granted');
  expect(refused(PASST, "passt")).toBe("");
  expect(refused(PASST, "slirp")).toContain('"passt" are not granted');
  expect(grantsOf("toString", releasedGrants())).toEqual(STANDARD_GRANTS);
});

test("a host device is one that the pod was allocated, for a binding that is granted host devices", () => {
  const problems = (pciAddress: string, binding = "sriov"): string =>
    findPlanProblems(
      { domain: { kind: "hostdev", pciAddress } },
      { attachment: NIC, grants: grantsOf(binding, releasedGrants()) },
    ).join("; ");
  expect(problems(VF)).toBe("");
  expect(problems("0000:00:1f.2")).toContain(
    '"0000:00:1f.2" is not one of the devices that the pod was allocated for this NIC (0000:01:10.2',
  );
  expect(problems(`${VF}'/>`)).toContain("is not one of the devices");
  expect(problems(VF, "mine")).toContain('"hostdev" are not granted');
});

test("passt is refused where libvirt has none, before anything starts", () => {
  const attachment = anAttachment({ libvirtVersion: "8.10.0" });
  const impossible = expect.objectContaining({
    code: "PLAN_IMPOSSIBLE",
    message: "libvirt 8.10.0 cannot start passt",
  }) as BindingError;
  expect(() => authorize(PASST, { attachment, grants: grantsOf("passt", releasedGrants()) })).toThrow(impossible);
});

test("a user network is an IPv4 network with names and single ports", () => {
  const wrong = {
    kind: "userNetwork",
    network: "fd00::/64",
    search: ["a,b", "ok.example"],
    forward: [
      { protocol: "TCP", port: 0 },
      { protocol: "TCP", port: 1, lastPort: 5 },
    ],
  } as const;
  const found = refused({ domain: wrong }, "slirp");
  for (const path of ["domain.network", "domain.search[0]", "domain.forward[0].port", "domain.forward[1].port"])
    expect(found).toContain(path);
  expect(found).not.toContain("search[1]");
});

test("passt forwards ports that there are, each protocol once; all that is wrong is reported with its path", () => {
  const plan = (...forward: readonly PasstForward[]): Plan => ({ domain: { kind: "passt", forward } });
  const tcp = (ports: readonly PasstPorts[], except: readonly PasstPorts[] = []): PasstForward => ({
    protocol: "tcp",
    ports,
    except,
  });
  const found = refused(
    plan(
      tcp([{ from: 0 }, { from: 1, to: 65_535 }, { from: 9, to: 8 }], [{ from: 65_536 }, { from: 65_535 }]),
      tcp([{ from: 80, to: 65_536 }]),
    ),
    "passt",
  );
  for (const wrong of [
    "domain.forward[0].ports[0]: 0 is not",
    "domain.forward[0].ports[2]: 9-8 is not",
    "domain.forward[0].except[0]: 65536 is not",
    'domain.forward[1].protocol: "tcp" is listed twice',
    "domain.forward[1].ports[0]: 80-65536 is not",
  ])
    expect(found).toContain(wrong);
  expect(found.match(/domain\./g)).toHaveLength(5);
  expect(refused(plan(tcp([], [{ from: 1, to: 65_535 }]), { ...tcp([]), protocol: "udp" }), "passt")).toBe("");
  expect(refused(plan(), "passt")).toBe("");
});
