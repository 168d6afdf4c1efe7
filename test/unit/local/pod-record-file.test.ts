import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { anAttachment } from "@netbind/contract/testing";
import { collectGarbage, damagedVms, listVms, State } from "@netbind/local";
import { BusyError, exec, takeLock } from "@netbind/netns";
import masquerade from "@netbind/plugin-masquerade";
import { DamagedRecordError, PodRecordFile } from "@netbind/pod";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { damaged } from "../../support/kill/damage.ts";
import { takenDevices } from "../../../core/local/src/record/taken-devices.ts";
import { type LocalPodRecord, openRecord } from "../../../core/local/src/record/local-pod-record.ts";

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "netbind-journal-")), ID);
  mkdirSync(directory);
});
afterEach(() => rmSync(dirname(directory), { recursive: true }));

const ID = "0123456789ab";
const attachment = anAttachment();
const record: LocalPodRecord = {
  version: 1,
  id: ID,
  namespace: "default",
  name: "vm",
  uid: "u",
  source: "vm.yaml:1",
  createdAt: "2026-01-01T00:00:00.000Z",
  phase: "starting",
  vmi: {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { namespace: "default", name: "vm" },
    spec: {
      domain: { devices: { interfaces: [{ name: "red", masquerade: {} }] } },
      networks: [{ name: "red", pod: {} }],
    },
  } as unknown as LocalPodRecord["vmi"],
  netns: `netbind-${ID}`,
  serviceUid: 1_900_000_001,
  attachments: [],
  bindings: { red: "masquerade" },
  nics: {},
  processes: [],
};

test("what is changed is on disk when the change returns, and nothing else is", () => {
  const recordFile = PodRecordFile.create(directory, record);
  recordFile.updateNic("red", { plan: { domain: { kind: "tap" } } });
  recordFile.updateNic("red", { podLink: { name: "eth0", mac: "", mtu: 1, addresses: [], routes: [] } });
  recordFile.setProcesses("qemu", [{ pid: 1, startTime: 2 }]);
  recordFile.setProcesses("qemu", [{ pid: 3, startTime: 4 }]);
  expect(openRecord(directory)?.record).toEqual(recordFile.record);
  expect(recordFile.record.nics["red"]).toMatchObject({ plan: { domain: { kind: "tap" } }, podLink: { name: "eth0" } });
  expect(recordFile.record.processes).toEqual([{ role: "qemu", processes: [{ pid: 3, startTime: 4 }] }]);
  expect(readdirSync(directory)).toEqual(["record.json"]);
});

const FUNCTION = { resource: "intel.com/a", id: "0000:01:10.0" };
const INFO = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:01:10.0" } };
const MACVTAP = { resource: "macvtap.network.kubevirt.io/eth0", id: "mvtap0", facts: { place: '/}{/"}' } };
/** What a VM's owner writes stands for itself: its pod has no such device. */
const SAID = { 'said": {': '"device": {"resource": "intel.com/b", "id": "said"}', "\\": "device" };
const link = { network: "red", ifname: "net1", containerId: "c", config: { cniVersion: "1", name: "n", plugins: [] } };

/** A node's pods, each with the attachments of one. */
function nodeOf(...pods: readonly LocalPodRecord["attachments"][]): State {
  const state = new State({ state: dirname(directory), cache: "", logs: "" });
  const vmi = { ...record.vmi, metadata: { ...record.vmi.metadata, annotations: SAID } };
  for (const [at, attachments] of pods.entries()) {
    const pod = { ...record, vmi, attachments, id: `00000000000${at}` };
    mkdirSync(state.podDirectory(pod.id), { recursive: true });
    PodRecordFile.create(state.podDirectory(pod.id), pod);
  }
  return state;
}

test("a function that a pod has is taken for every resource; a device of a name only for its own", () => {
  const state = nodeOf(
    [link, { ...link, device: { ...FUNCTION, info: INFO } }],
    [link],
    [{ ...link, device: MACVTAP }],
  );
  expect(takenDevices(state, "intel.com/b")).toEqual([FUNCTION.id]);
  expect(takenDevices(state, MACVTAP.resource)).toEqual([FUNCTION.id, MACVTAP.id]);
});

test("however a record is written, its devices are found; where it is damaged, those that it still names", () => {
  const state = nodeOf([{ ...link, device: MACVTAP }], [{ ...link, device: { ...MACVTAP, id: "mvtap1" } }], [link]);
  const [first, second, third] = ["0", "1", "2"].map((at) =>
    PodRecordFile.fileIn(state.podDirectory(`00000000000${at}`)),
  ) as [string, string, string];
  writeFileSync(first, JSON.stringify(JSON.parse(readFileSync(first, "utf8"))));
  writeFileSync(second, readFileSync(second, "utf8").slice(0, -10));
  expect(takenDevices(state, MACVTAP.resource)).toEqual(["mvtap0", "mvtap1"]);
  writeFileSync(second, '{ "device": { "id": "mvtap1"');
  writeFileSync(first, '{ "device": { "id": mvtap1 } }');
  rmSync(third);
  expect(takenDevices(state, MACVTAP.resource)).toEqual([]);
});

test("what is found and not acted on is written with the next change", () => {
  const recordFile = PodRecordFile.create(directory, record);
  const podLink = { name: "eth0", mac: "", mtu: 1, addresses: [], routes: [] };
  recordFile.stage({ source: "staged" });
  recordFile.stageNic("red", { podLink });
  expect(recordFile.record).toMatchObject({ source: "staged", nics: { red: { podLink } } });
  expect(openRecord(directory)?.record).toEqual(record);
  recordFile.updateNic("red", { plan: { domain: { kind: "tap" } } });
  expect(openRecord(directory)?.record).toEqual(recordFile.record);
  expect(recordFile.record).toMatchObject({ source: "staged", nics: { red: { podLink, plan: { domain: {} } } } });
});

test("a damaged record, and one of another version, are refused; none is none", () => {
  expect(openRecord(directory)).toBeUndefined();
  const recordFile = PodRecordFile.create(directory, record);
  const text = readFileSync(PodRecordFile.fileIn(directory), "utf8");
  writeFileSync(PodRecordFile.fileIn(directory), text.slice(0, -10));
  expect(() => openRecord(directory)).toThrow(/cannot be read/);
  writeFileSync(PodRecordFile.fileIn(directory), JSON.stringify({ ...recordFile.record, version: 2 }));
  expect(() => openRecord(directory)).toThrow(/version 2/);
  writeFileSync(PodRecordFile.fileIn(directory), JSON.stringify({ ...recordFile.record, id: "../../etc" }));
  expect(() => openRecord(directory)).toThrow(/"id" does not have the form/);
});

test("whatever happened to a record, it is read or refused, and gc goes on", async () => {
  const plan = masquerade.plan(attachment);
  const whole: LocalPodRecord = {
    ...record,
    attachments: [
      { network: "pod", ifname: "eth0", containerId: "x", config: { cniVersion: "1.0.0", name: "n", plugins: [] } },
    ],
    nics: { red: { podLink: attachment.pod, plan } },
    attached: [attachment],
    processes: [{ role: "qemu", processes: [{ pid: 2 ** 22 + 7, startTime: 1 }] }],
  };
  const root = dirname(directory);
  const state = new State({ state: join(root, "state"), cache: join(root, "cache"), logs: join(root, "logs") });
  await fc.assert(
    fc.asyncProperty(damaged(whole), async (record) => {
      state.prepare();
      mkdirSync(state.podDirectory(ID), { recursive: true });
      writeFileSync(PodRecordFile.fileIn(state.podDirectory(ID)), JSON.stringify(record) ?? "");
      try {
        openRecord(state.podDirectory(ID));
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedRecordError);
      }
      expect(listVms(state).length + damagedVms(state).length).toBe(1);
      // Nothing of the kernel's is there to be touched: only the files are.
      const collected = await collectGarbage(state, async (argv) => (argv[0] === "rm" ? exec(argv) : ""));
      expect(collected).toMatchObject({ removed: [expect.any(String)], failed: [] });
      expect(state.vmIds()).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("a lock is one's own until it is given back", async () => {
  const file = join(directory, "lock");
  const first = await takeLock(file, "the VM");
  await expect(takeLock(file, "the VM")).rejects.toThrow(BusyError);
  await first.release();
  await using second = await takeLock(file, "the VM");
  expect(second).toBeDefined();
});
