import { closeSync, openSync, readSync } from "node:fs";
import { EncodingError, TooLargeError } from "../errors.ts";

/** What people write for standard input. */
export const STANDARD_INPUT = "-";

const BLOCK = 64 * 1024;
/** More than the most characters that are read take. */
const MOST_BYTES = 64 * 1024 * 1024;
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

/** The next bytes of a file; none at its end. */
function readBlock(descriptor: number, pause: Int32Array): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  for (;;)
    try {
      return block.subarray(0, readSync(descriptor, block, 0, BLOCK, null));
    } catch (error) {
      if (!isBusy(error)) throw error;
      Atomics.wait(pause, 0, 0, PAUSE_MILLISECONDS);
    }
}

/** All that a file has: some have no end. @throws TooLargeError */
function readAll(descriptor: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let size = 0;
  for (;;) {
    const block = readBlock(descriptor, pause);
    if (block.length === 0) return Buffer.concat(blocks);
    size += block.length;
    if (size > MOST_BYTES) throw new TooLargeError(`it has more than ${MOST_BYTES} bytes`);
    blocks.push(block);
  }
}

/** What is in a file. @throws TooLargeError, and Error as the file system does */
function readNamed(file: string): Uint8Array {
  const descriptor = openSync(file, "r");
  try {
    return readAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads a file, or standard input to its end. @throws EncodingError, TooLargeError, and Error as the file system does */
export const readText = (file: string): string => decode(file === STANDARD_INPUT ? readAll(0) : readNamed(file));

/** A file's name, for messages. */
export const shownFile = (file: string): string => (file === STANDARD_INPUT ? "standard input" : file);
