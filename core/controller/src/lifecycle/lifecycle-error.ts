/** What keeps an installation from going on, or from being in order: a line for each cause, with what to do. */
export class LifecycleError extends Error {
  override readonly name = "LifecycleError";
}
