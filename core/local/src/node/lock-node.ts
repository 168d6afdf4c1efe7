import { join } from "node:path";
import { takeLock } from "@netbind/netns";
import type { State } from "../record/state.ts";

const WAIT = 60_000;

/** Does something with the node's network alone: CNI plugins and the node's own set-up are not made for two at once. */
export async function withNodeLock<T>(state: State, act: () => Promise<T>): Promise<T> {
  await using _ = await takeLock(join(state.root, "node.lock"), "the node's network", WAIT);
  return await act();
}
