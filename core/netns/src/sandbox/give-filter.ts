import type { ChildProcess } from "node:child_process";
import { SECCOMP_FILTER } from "./seccomp-filter.ts";
import { noFilterPipe } from "../errors.ts";

/** The descriptor that bubblewrap reads its filter from. */
export const FILTER_FD = 4;

/** The filter, as the kernel takes it. */
export const filterBytes = (): Buffer => Buffer.from(SECCOMP_FILTER, "base64");

/** Gives a child that becomes bubblewrap the filter of system calls, by the pipe that is its {@link FILTER_FD}. */
export function giveFilter({ stdio }: ChildProcess): void {
  const pipe = stdio[FILTER_FD];
  if (pipe === null || pipe === undefined || !("end" in pipe)) throw noFilterPipe(FILTER_FD);
  // A child that ends before it reads it says why by itself.
  pipe.on("error", () => undefined);
  pipe.end(filterBytes());
}
