import { admission } from "./admission.ts";
import type { Comparison } from "./vector.ts";

/** How each kind of vector is compared. */
export const COMPARISONS: Readonly<Record<string, Comparison>> = {
  admission: admission as Comparison,
};
