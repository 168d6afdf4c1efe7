/** The command that moves the lock to what the archives serve. */
export const UPDATE_COMMAND = "npm run images -- --update-lock";

/** Why images cannot be built. */
export type ImageErrorCode =
  | "ARCHIVE_UNKNOWN"
  | "IMAGE_UNKNOWN"
  | "INDEX_INVALID"
  | "LOCK_INVALID"
  | "LOCK_MISSING"
  | "OUT_OCCUPIED"
  | "PACKAGE_CHANGED"
  | "PACKAGE_NOT_SERVED"
  | "PACKAGE_UNRESOLVED";

/** Images cannot be built: what is wrong, each of its facts on a line, and what to do. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, problem: string, facts: readonly string[], todo: string) {
    super([problem, ...facts.map((fact) => `  ${fact}`), `Run: ${todo}`].join("\n"));
    this.code = code;
  }
}
