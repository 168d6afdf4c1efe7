import { collectGarbage, pruneImages, removeUnfinished } from "@netbind/local";
import { type OutputFormat, print, printData } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { failuresJson, printFailures } from "./vm-failures.ts";

/** The options of `netbind gc`. */
export interface GcOptions {
  readonly output: OutputFormat;
  /** Days that an image was not taken; absent: images stay. */
  readonly images?: number;
}

/** `netbind gc`: removes what no living VM owns. */
export async function gc({ output, images: days }: GcOptions, resolve: Resolve): Promise<number> {
  const [state, exec] = [resolve(TOKENS.state), resolve(TOKENS.exec)];
  const { removed: left, failed } = await collectGarbage(state, exec);
  const removed = [...left, ...(await removeUnfinished(state, exec))];
  const images = days === undefined ? [] : await pruneImages(state, exec, days);
  if (output !== "text")
    printData({ removed, ...(days === undefined ? {} : { images }), ...failuresJson(failed) }, output);
  else {
    if (removed.length > 0) print(`removed: ${removed.join(", ")}`);
    for (const { what, image } of images) print(`removed the ${what} ${image}`);
    if (removed.length + images.length + failed.length === 0) print("nothing to remove");
  }
  return printFailures(failed, "is not removed");
}
