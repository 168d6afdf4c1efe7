import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fullFileSystem } from "../errors.ts";

function writeWhole(file: string, text: string): void {
  const descriptor = openSync(file, "w", 0o600);
  try {
    // Writes until all of it is written: a full disk takes the first part and says nothing.
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a file so that after any crash it holds the old text or the new one.
 *
 * @throws Error where its file system is full, with the file and what to do; the old text stays, and nothing beside it
 */
export function writeAtomically(file: string, text: string): void {
  const next = `${file}.next`;
  try {
    writeWhole(next, text);
  } catch (error) {
    rmSync(next, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOSPC" || code === "EDQUOT" ? fullFileSystem(file, code, error as Error) : error;
  }
  renameSync(next, file);
  const directory = openSync(dirname(file), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
