import { readFileSync, readSync } from "node:fs";
import { EncodingError } from "../errors.ts";

/** What people write for standard input. */
export const STANDARD_INPUT = "-";

const BLOCK = 64 * 1024;
/** How long to wait for a writer that has nothing yet: a pipe's reading end may be one that never waits. */
const PAUSE_MILLISECONDS = 5;

// A mark at the beginning is a character of the text: what is written back has it too.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw new EncodingError("its text is not in UTF-8", { cause: error });
  }
}

const isBusy = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "EAGAIN";

function readStandardInput(): Uint8Array {
  const blocks: Buffer[] = [];
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const block = Buffer.alloc(BLOCK);
    try {
      const length = readSync(0, block, 0, BLOCK, null);
      if (length === 0) return Buffer.concat(blocks);
      blocks.push(block.subarray(0, length));
    } catch (error) {
      if (!isBusy(error)) throw error;
      Atomics.wait(pause, 0, 0, PAUSE_MILLISECONDS);
    }
  }
}

/** Reads a file, or standard input to its end. @throws EncodingError, and Error as the file system does */
export const readText = (file: string): string =>
  decode(file === STANDARD_INPUT ? readStandardInput() : readFileSync(file));

/** A file's name, for messages. */
export const shownFile = (file: string): string => (file === STANDARD_INPUT ? "standard input" : file);
