import { type Input, inputOf, type Needed } from "@netbind/input";
import { type InputFiles, readInput } from "./read-input.ts";

/** Reads all that files say, in any order, with everything that is wrong with their shape. */
export const loadInput = (files: InputFiles, needed: Needed = "a VM"): Input =>
  inputOf(readInput(files), files.filename[0] ?? "-", needed);

/** Reads files that say something of a VM which is not in them. */
export const loadSurroundings = (files: InputFiles): Input => loadInput(files, "nothing");
