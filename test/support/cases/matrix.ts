import { appendFileSync } from "node:fs";
import { inject } from "vitest";
import type { MatrixBinding, MatrixCheck } from "./matrix-table.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The file that collects what was proved. */
    readonly matrixFile: string;
  }
}

/** Says what of a binding was just proved: called behind the expectation, so that what failed or did not run stays empty. */
export function proved(binding: MatrixBinding, ...checks: readonly MatrixCheck[]): void {
  const file: string | undefined = inject("matrixFile");
  if (file !== undefined) appendFileSync(file, checks.map((check) => `${binding}\t${check}\n`).join(""));
}
