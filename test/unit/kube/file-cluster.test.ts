/** Files of objects: what is wrong with one costs that one, and undoes nothing. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentState, BindingRegistry, NodeAgent } from "@netbind/agent";
import { FileCluster, type Unreadable } from "@netbind/kube";
import { exec } from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { kubevirtObject, launcherPod, vmiObject } from "../../support/kube/kube-objects.ts";

const UID = "11111111-2222-3333-4444-555555555555";
const GONE = "11111111-2222-3333-4444-666666666666";
const NICS = [{ name: "red", binding: "masquerade" }];
const POD = launcherPod({ uid: UID, name: "virt-launcher-vm-x", vm: "vm", node: "node-1", nics: NICS });

let directory: string;
let objects: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-files-"));
  objects = join(directory, "objects");
  mkdirSync(objects);
  mkdirSync(join(directory, "kubelet"));
  write("kubevirt", kubevirtObject());
  write("vmi", vmiObject("vm", NICS));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, object: unknown): void =>
  writeFileSync(join(objects, `${name}.json`), typeof object === "string" ? object : JSON.stringify(object));

const BROKEN: Readonly<Record<string, () => void>> = {
  "no JSON": () => write("bad", "{"),
  "half a file": () => write("bad", JSON.stringify(POD).slice(0, 100)),
  nothing: () => write("bad", ""),
  null: () => write("bad", "null"),
  "a list that is none": () => write("bad", { kind: "PodList", items: {} }),
  "a list with something in it that is not an object": () => write("bad", { kind: "PodList", items: [7] }),
  "a directory": () => mkdirSync(join(objects, "bad.json")),
  "a pipe": () => execFileSync("mkfifo", [join(objects, "bad.json")]),
  "a link to nowhere": () => symlinkSync("/nowhere/at/all", join(objects, "bad.json")),
  "a device": () => symlinkSync("/dev/zero", join(objects, "bad.json")),
};

test.each(Object.entries(BROKEN))("a file that is %s is told, once, and the others are read", async (_, plant) => {
  plant();
  write("pod", POD);
  const cluster = new FileCluster(objects);
  for (let times = 0; times < 2; times++) {
    const snapshot = await cluster.snapshot();
    expect(snapshot.pods.map(({ metadata }) => metadata.uid)).toEqual([UID]);
    expect([snapshot.vmis.length, snapshot.unreadable.length, snapshot.unreadable[0]?.uid]).toEqual([1, 1, undefined]);
  }
});

test("an agent goes on with what it can read, says what it cannot once, and undoes nothing that might be in it", async () => {
  const state = new AgentState(join(directory, "state"));
  state.prepare();
  for (const uid of [UID, GONE]) mkdirSync(state.pod(uid));
  const reported: Unreadable[] = [];
  const agent = new NodeAgent({
    ...{
      state,
      turn: () => exec,
      kubelet: join(directory, "kubelet"),
      forbidden: [],
      node: "node-1",
      report: () => undefined,
    },
    bindings: new BindingRegistry({ own: new Map(), grants: { released: {} } }),
    cluster: new FileCluster(objects),
    unreadable: (object) => reported.push(object),
    unreachable: (error) => expect.unreachable(String(error)),
  });
  const tick = async (): Promise<readonly string[]> => {
    await agent.tick();
    await agent.idle();
    return state.uids();
  };
  write("pod", "{");
  expect([await tick(), await tick()]).toEqual([
    expect.arrayContaining([UID, GONE]),
    expect.arrayContaining([UID, GONE]),
  ]);
  expect(reported).toHaveLength(1);
  // The object can be told from others again, and does not have the API's form: of the others nothing is unknown any
  // more.
  write("pod", { ...POD, spec: 7 });
  expect(await tick()).toEqual([UID]);
  expect(reported.at(-1)).toMatchObject({ what: "Pod default/virt-launcher-vm-x", uid: UID });
  // A pod runs on while nobody can tell which of its containers are sidecars.
  write("pod", POD);
  write("kubevirt", { ...kubevirtObject(), spec: { configuration: { network: 7 } } });
  expect(await tick()).toEqual([UID]);
  rmSync(join(objects, "pod.json"));
  expect(await tick()).toEqual([]);
});
