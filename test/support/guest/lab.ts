/** VMs of one test file, in a state directory of its own: another netbind on this machine is not disturbed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { findVm, guestCommand, listVms, State, stateDirectories, type VmStatus } from "@netbind/local";
import { consoleSocket } from "@netbind/local";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { isBooted } from "./is-booted.ts";
import { type MachineState, machineState, makeStateDirectory } from "./machine.ts";
import { netbind } from "./netbind.ts";

/** An emulated guest on a busy machine takes its time. */
const GUEST_PATIENCE = 90_000;

export interface Lab {
  readonly directory: string;
  readonly state: State;
  readonly env: NodeJS.ProcessEnv;
  /** Starts a VM and gives what `run` reports of it. */
  start(vmi: string, ...options: readonly string[]): Promise<VmStatus>;
  inGuest(name: string, command: string): Promise<string>;
  /** Waits until the demo guest has done all that its data says. */
  booted(name: string): Promise<void>;
  /** Stops a VM, and sees that the machine is as it was before the first one. */
  stop(name: string): Promise<void>;
}

/** How many datagrams came to a guest at ports where nobody listens (proc_net_snmp's Udp NoPorts): the demo guest has no UDP server. */
export async function datagramsIn(lab: Pick<Lab, "inGuest">, name: string): Promise<number> {
  const reported = await lab.inGuest(name, "grep ^Udp: /proc/net/snmp");
  const [names = [], values = []] = [...reported.matchAll(/^Udp: (.*)$/gm)].map(([, words = ""]) =>
    words.trim().split(" "),
  );
  return Number(values[names.indexOf("NoPorts")] ?? Number.NaN);
}

/** Asks a guest until it prints all of some texts: an address of its own may come a little after it is ready. */
export async function expectInGuest(
  lab: Pick<Lab, "inGuest">,
  name: string,
  command: string,
  texts: readonly string[],
): Promise<void> {
  let printed = "";
  for (let asked = 0; asked < 20 && !texts.every((text) => printed.includes(text)); asked++)
    printed = await lab.inGuest(name, `sleep 1; ${command}`);
  for (const text of texts) expect(printed, `what guest ${name} prints`).toContain(text);
}

/** Makes a lab for the tests of a file. A test that failed leaves none of its VMs. */
export function useLab(): Lab {
  let directory = "";
  let state: State;
  let before: MachineState;
  const environment = (): NodeJS.ProcessEnv => ({ NETBIND_STATE_DIR: directory });
  beforeAll(async () => {
    before = await machineState();
    directory = makeStateDirectory("e2e");
    state = new State({ ...stateDirectories(process.env), state: directory });
  });
  afterEach(async () => {
    for (const { name } of listVms(state)) await netbind(["stop", "--force", name], { env: environment() });
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  return {
    get directory() {
      return directory;
    },
    get state() {
      return state;
    },
    get env() {
      return environment();
    },
    start: async (vmi, ...options) => {
      const started = await netbind(["run", "-f", "-", "--keep", "-o", "json", ...options], {
        env: environment(),
        stdin: vmi,
      });
      expect(started.code, started.stderr).toBe(0);
      // What there is now is known again once its record is gone.
      await machineState();
      return JSON.parse(started.stdout) as VmStatus;
    },
    inGuest: (name, command) => guestCommand(consoleSocket(state, findVm(state, name)), command, GUEST_PATIENCE),
    booted: async (name) => {
      const log = join(state.podDirectory(findVm(state, name).id), "console.log");
      for (let waited = 0; waited < 480; waited++) {
        if (isBooted(log)) return;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      throw new Error(`guest ${name} is not ready`);
    },
    stop: async (name) => {
      const stopped = await netbind(["stop", name], { env: environment() });
      expect(stopped.code, stopped.stderr).toBe(0);
      expect(await machineState()).toEqual(before);
      expect(listVms(state)).toEqual([]);
    },
  };
}
