import { fork } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { VmUser } from "./vm-user.ts";
import { identify, patient, type ProcessId } from "@netbind/netns";

const START_DEADLINE = 20_000;

/** The sockets and files of a VM's console. */
export interface ConsoleFiles {
  readonly serial: string;
  readonly socket: string;
  readonly log: string;
}

/** The way to the console's socket in a launcher's directory, and its name. */
export const CONSOLE_SOCKET = [["run"], "console.sock"] as const;

/** Where a launcher's directory keeps them. */
export const consoleFiles = (directory: string): ConsoleFiles => ({
  serial: join(directory, "run/serial.sock"),
  socket: join(directory, ...CONSOLE_SOCKET.flat()),
  log: join(directory, "log/console.log"),
});

/** Starts the process that reads the guest's console, in the pod's namespace so that it ends with the pod. */
export function startConsole(netns: string, { uid, gid }: VmUser, files: ConsoleFiles): Promise<readonly ProcessId[]> {
  const program = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "console-drain.ts" : "console-drain.js", import.meta.url));
  const child = fork(program, [files.serial, files.socket, files.log, String(patient(START_DEADLINE)), String(uid), String(gid)], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    execPath: "/usr/bin/nsenter",
    execArgv: [`--net=${netns}`, "--", process.execPath, ...process.execArgv],
    env: { PATH: "/usr/bin:/bin", NODE_NO_WARNINGS: "1" },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error("the guest's console could not be opened in time"));
    }, patient(START_DEADLINE));
    child.once("message", () => {
      clearTimeout(timer);
      child.unref();
      const id = child.pid === undefined ? undefined : identify(child.pid);
      resolve(id === undefined ? [] : [id]);
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the guest's console could not be opened: its reader ended with ${code}`));
    });
    child.once("error", reject);
  });
}

/** How often a shell that has not answered yet is called: what is typed while it starts, it may not read. */
const CALL_EVERY = 2000;

/**
 * Runs a command in the demo guest's shell, once it answers, and gives what it printed, without the echo.
 *
 * @throws Error where the guest does not answer in time
 */
export function guestCommand(socketPath: string, command: string, deadline = 20_000): Promise<string> {
  const mark = `nb${Math.random().toString(36).slice(2, 10)}`;
  const socket = connect(socketPath);
  return new Promise((resolve, reject) => {
    let seen = "";
    let asked = false;
    const call = (): void => void socket.write(`\necho ${mark}''-here\n`);
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      clearInterval(calls);
      socket.destroy();
      end();
    };
    const timer = setTimeout(
      () => finish(() => reject(new Error(`the guest did not answer to "${command}" in ${deadline} ms: ${seen.slice(-300)}`))),
      deadline,
    );
    const calls = setInterval(call, CALL_EVERY);
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("data", (chunk) => {
      seen += chunk.toString("utf8").replaceAll("\r", "");
      // The echo of what is typed holds the marks in quotes; what is printed holds them without.
      if (!asked && seen.includes(`${mark}-here\n`)) {
        asked = true;
        clearInterval(calls);
        socket.write(`echo ${mark}''-begin; { ${command}\n} 2>&1; echo ${mark}''-end\n`);
      }
      const answer = seen.split(`${mark}-begin\n`)[1];
      const end = answer?.indexOf(`${mark}-end`) ?? -1;
      if (answer !== undefined && end !== -1) finish(() => resolve(answer.slice(0, end)));
    });
    call();
  });
}
