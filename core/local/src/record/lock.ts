import { type Lock, removeFile, takeLock } from "@netbind/netns";
import { type State, vmOfPod } from "./state.ts";

/** The lock on a VM, by its identity or one of its pods'. Its file goes with the VM. @throws BusyError where it is not free within `wait` milliseconds */
export async function takeVmLock(state: State, id: string, what: string, wait = 0): Promise<Lock> {
  const lock = await takeLock(state.lock(id), what, wait);
  const release = async (): Promise<void> => {
    try {
      if (state.podIds(vmOfPod(id)).length === 0) removeFile(state.lock(id));
    } finally {
      // Whatever stands in the file's place: who holds a lock never ends.
      await lock.release();
    }
  };
  return { release, [Symbol.asyncDispose]: release };
}
