import { BindingError } from "@netbind/contract";

/** What comes at once from a plugin in this process, and later from one behind a socket. */
export type Answer<T> = T | Promise<T>;

/**
 * Asks a binding, and stamps who was asked for what on anything that it throws.
 *
 * @throws BindingError the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export async function askBinding<T>(where: string, ask: () => Answer<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof BindingError)) throw BindingError.from(error, "PLUGIN_FAILED", where);
    const message = error.message.startsWith(where) ? error.message : `${where}: ${error.message}`;
    throw new BindingError(error.code, message, error.hint, { cause: error });
  }
}
