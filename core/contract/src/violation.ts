/** One thing wrong with what a user wrote. Bad input is answered with all of them, never with an exception. */
export interface Violation {
  /**
   * Path from the NIC in `admit` (`ports[2].port`), from the document's root once the core has put its own prefix
   * before it (`spec.domain.devices.interfaces[0].ports[2].port`).
   */
  readonly field: string;
  /** What is wrong, with the offending value. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** Makes a {@link Violation}. */
export const violation = (field: string, problem: string, fix: string): Violation => ({ field, problem, fix });
