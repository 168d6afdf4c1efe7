import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import { desiredNetwork } from "@netbind/engine";
import { DamagedRecordError, type HostPodRecord, plannedNics, POD_RECORD_FIELDS, PodRecordFile } from "@netbind/pod";
import bridge from "@netbind/plugin-bridge";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-record-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const attachment = anAttachment();
const plan = bridge.plan(attachment);
const { name } = attachment;
const whole: HostPodRecord = {
  version: 1,
  serviceUid: 1_900_000_001,
  bindings: { [name]: "bridge" },
  facts: { hostname: "vm", resolvConf: attachment.resolvConf },
  attached: [attachment],
  cgroup: "/sys/fs/cgroup/pod",
  nics: {
    [name]: {
      podLink: attachment.pod,
      plan,
      desired: {
        ...desiredNetwork(attachment.names, plan, attachment.pod),
        owner: { uid: 107, gid: 107 },
        placeholderKind: "dummy",
      },
      appliedTable: [{ table: {} }],
    },
  },
  processes: [{ role: "qemu", processes: [{ pid: 3, startTime: 4 }] }],
};

const read = (record: unknown): HostPodRecord | undefined => {
  writeFileSync(PodRecordFile.fileIn(directory), JSON.stringify(record));
  return PodRecordFile.open(directory, POD_RECORD_FIELDS)?.record;
};

const replaced = (value: unknown, [key, ...rest]: readonly string[], next: unknown): unknown =>
  key === undefined
    ? next
    : { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, next) };

test("a whole record is read as it was written", () => {
  expect(read(whole)).toEqual(whole);
  expect(plannedNics(whole, () => true)).toEqual([{ attachment, plan }]);
  expect(plannedNics(whole, () => false)).toEqual([]);
});

const places = [
  ...Object.keys(whole).map((field) => [field]),
  ...Object.keys(whole.nics[name] ?? {}).map((field) => ["nics", name, field]),
  ...["name", "mac", "mtu", "addresses", "routes"].map((field) => ["nics", name, "podLink", field]),
  ...["plan", "table", "owner"].map((field) => ["nics", name, "desired", field]),
  ...["family", "name", "serverGuard", "guard"].map((field) => ["nics", name, "desired", "table", field]),
];
for (const place of places)
  test(`a record whose ${place.join(".")} is damaged is refused`, () => {
    expect(() => read(replaced(whole, place, [[0]]))).toThrow(DamagedRecordError);
  });

test("a field that a change gives as undefined is removed, and the rest stays", () => {
  const recordFile = PodRecordFile.create<HostPodRecord>(directory, whole);
  recordFile.update({ cgroup: undefined });
  const { cgroup: _, ...rest } = whole;
  expect(recordFile.record).toStrictEqual(rest);
  expect(PodRecordFile.open(directory, POD_RECORD_FIELDS)?.record).toEqual(rest);
});
