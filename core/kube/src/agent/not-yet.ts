/** Something that is on its way is not there: no failure, and asked again soon. */
export class NotYetError extends Error {
  override readonly name = "NotYetError";
}
