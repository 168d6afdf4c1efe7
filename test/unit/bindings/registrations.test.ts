/** What is registered of this release's bindings agrees with what they say of themselves. */
import { RELEASED_BINDINGS, releasedRegistrations } from "@netbind/bindings";
import { anAttachment } from "@netbind/contract/testing";
import { migrationConflict, ownerConflict, parseQuantity } from "@netbind/kubevirt";
import { expect, test } from "vitest";

/** Of a network that is not the pod's, KubeVirt migrates a VM whatever is registered. */
const ON_OTHER_NETWORKS = ["macvtap"];
const REGISTERED = RELEASED_BINDINGS.filter(({ registration }) => registration !== undefined);

test("all are registered but for the one that KubeVirt serves by its own key", () => {
  const names = RELEASED_BINDINGS.map(({ plugin }) => plugin.name).filter((name) => !releasedRegistrations().has(name));
  expect(names).toEqual(["sriov"]);
});

test.each(REGISTERED.map((one) => ({ ...one, name: one.plugin.name })))("$name", ({ name, plugin, registration }) => {
  expect(ownerConflict(name, registration)).toBeUndefined();
  const conflict = migrationConflict(name, registration, plugin.migration);
  if (ON_OTHER_NETWORKS.includes(name)) expect(registration?.migration).toBeUndefined();
  else expect(conflict).toBeUndefined();
  const { memoryOverheadBytes = 0 } = plugin.needs?.(anAttachment()).compute ?? {};
  const { memory = "0" } = registration?.computeResourceOverhead?.requests ?? {};
  expect(Number(parseQuantity(String(memory)))).toBe(memoryOverheadBytes);
  // KubeVirt writes a NIC on a tap by the attachment type alone.
  const onTap = plugin.plan(anAttachment({ pod: { ...anAttachment().pod, tap: "eth0" } })).domain.kind === "tap";
  expect(registration?.domainAttachmentType).toBe(onTap ? "tap" : undefined);
});
