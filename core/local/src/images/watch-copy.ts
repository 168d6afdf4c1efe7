import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../launcher/image.ts";
import { badImage } from "./errors.ts";

/** What is watched while an image is copied. */
export interface CopyWatch {
  readonly image: string;
  /** What such an image is called. */
  readonly what: string;
  readonly progress: Progress;
  /** Bytes that it may have. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** A copy under way. */
export interface WatchedCopy {
  /** Aborted where the copy is to end. */
  readonly signal: AbortSignal;
  /** Why it was ended here; undefined where it was not. */
  problem(): Error | undefined;
  end(): void;
}

const [LOOK, REPORT, MEGABYTE] = [500, 5000, 1e6];

/** Bytes in a directory that a copy is written to, as much as there is of it. */
function bytesIn(directory: string): number {
  try {
    return readdirSync(directory).reduce((sum, name) => sum + lstatSync(join(directory, name)).size, 0);
  } catch {
    return 0;
  }
}

/** Reports how far a copy is, and ends one that takes more than an image may. */
export function watchCopy(directory: string, { image, what, progress, limit, signal }: CopyWatch): WatchedCopy {
  const tooMuch = new AbortController();
  let problem: Error | undefined;
  let looks = 0;
  progress(`pulling the ${what} ${image}`);
  const timer = setInterval(() => {
    const bytes = bytesIn(directory);
    if (bytes > limit) {
      problem = badImage(image, `it has more than ${limit} bytes`);
      tooMuch.abort(problem);
    }
    if (++looks % (REPORT / LOOK) === 0) progress(`${image}: ${Math.round(bytes / MEGABYTE)} MB so far`);
  }, LOOK);
  return {
    signal: AbortSignal.any([signal, tooMuch.signal]),
    problem: () => problem,
    end: () => clearInterval(timer),
  };
}
