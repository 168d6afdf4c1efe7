import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** Of what a plugin printed, the end is kept. */
const MOST_BYTES = 1024 * 1024;

/** The last lines of such a file, for a message; `it said nothing` where there are none. */
export const lastLines = (file: string): string =>
  readEnd(file).trim().split("\n").slice(-3).join("; ") || "it printed nothing";

/** The end of a file of the core's own, which a plugin filled; empty where there is none. */
export function readEnd(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    return "";
  }
  try {
    return readEndOf(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The same of a file that is open. */
export function readEndOf(descriptor: number): string {
  const { size } = fstatSync(descriptor);
  const buffer = Buffer.alloc(Math.min(size, MOST_BYTES));
  const length = readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
  return buffer.subarray(0, length).toString("utf8");
}
