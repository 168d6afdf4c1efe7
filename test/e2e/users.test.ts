/** Every VM has a user of its own: what one's processes may do to another's. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { findVm, netnsPath, type LocalPodRecord } from "@netbind/local";
import { exec, inNetns, processesIn } from "@netbind/netns";
import { VM_UIDS } from "@netbind/pod";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { writableDirectory } from "../../core/local/src/pod/writable.ts";

const lab = useLab();

/** Runs a command as a user of the machine's, outside all launchers. Gives its exit code and what it printed. */
async function as(uid: number | undefined, ...argv: readonly string[]): Promise<string> {
  const user = ["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups", "--no-new-privs"];
  const script = '"$@" 2>&1; echo "exit $?"';
  return exec([...user, "sh", "-c", script, "sh", ...argv]);
}

/** Uids of all that runs in a VM's pod but the servers of its networks. */
const usersOf = (record: LocalPodRecord): ReadonlySet<number> =>
  new Set(
    processesIn(netnsPath(record.netns))
      .map(({ pid }) => Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]))
      .filter((uid) => uid !== record.serviceUid && uid !== 0),
  );

const CONNECT =
  'require("net").connect(process.argv[1]).on("error",e=>console.log(e.code)).on("connect",()=>{console.log("connected");process.exit()})';

test("two VMs have two users; neither reads the other's files, connects to its sockets, or signals its processes", async () => {
  await lab.start(demoVmi({ name: "one", port: 80, nonce: "1" }));
  await lab.start(demoVmi({ name: "two", port: 80, nonce: "2" }));
  const [one, two] = [findVm(lab.state, "one"), findVm(lab.state, "two")];
  expect(one.vmUid).toBeGreaterThanOrEqual(VM_UIDS.first);
  expect(two.vmUid).toBeGreaterThanOrEqual(VM_UIDS.first);
  expect(new Set([one.vmUid, two.vmUid, one.serviceUid, two.serviceUid]).size).toBe(4);
  for (const record of [one, two]) expect([...usersOf(record)]).toEqual([record.vmUid]);

  // The tap is the VM's, and no other user opens it.
  const links = await inNetns(netnsPath(two.netns), exec)(["ip", "-json", "-details", "link", "show", "dev", "tap0"]);
  expect(JSON.parse(links)).toMatchObject([{ linkinfo: { info_data: { user: two.vmUid, group: two.vmUid } } }]);

  const directory = writableDirectory(lab.state, two);
  const sockets = [
    "launcher/run/libvirt/libvirt-sock",
    "launcher/run/serial.sock",
    "hooks/hook-sidecar-0/netbind/attach.sock",
  ];
  for (const place of ["launcher", "hooks/hook-sidecar-0"]) {
    expect(statSync(join(directory, place)).uid).toBe(two.vmUid);
    expect(await as(one.vmUid, "ls", join(directory, place))).toMatch(/Permission denied\nexit 2/);
    // Its own user does: the refusal is not this test's.
    expect(await as(two.vmUid, "ls", join(directory, place))).toMatch(/exit 0$/m);
  }
  const [spec] = Object.values(two.sidecars ?? {});
  const node = spec !== undefined && "node" in spec ? spec.node : "";
  for (const socket of sockets) {
    expect(existsSync(join(directory, socket)), socket).toBe(true);
    expect(await as(one.vmUid, node, "-e", CONNECT, join(directory, socket)), socket).toMatch(/^EACCES$/m);
  }
  expect(await as(two.vmUid, node, "-e", CONNECT, join(directory, "launcher/run/libvirt/libvirt-sock"))).toMatch(
    /^connected$/m,
  );

  const theirs = processesIn(netnsPath(two.netns));
  expect(theirs.length).toBeGreaterThan(4);
  for (const { pid } of theirs) {
    expect(await as(one.vmUid, "sh", "-c", `kill -0 ${pid}`), readFileSync(`/proc/${pid}/comm`, "utf8")).toMatch(
      /not permitted\n+exit 1$/m,
    );
    expect(await as(one.vmUid, "cat", `/proc/${pid}/environ`)).toMatch(/Permission denied\n+exit 1$/m);
  }
  expect((await lab.inGuest("two", "cat /www/index.html")).trim()).toBe("2");
  expect((await exec(["stat", "-c", "%a", join(lab.state.podDirectory(two.id), "record.json")])).trim()).toBe("600");
});
