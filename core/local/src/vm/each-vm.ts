/** A VM for which something could not be done. */
export interface VmFailure {
  /** `namespace/name`, or its identity where that is all that is known. */
  readonly vm: string;
  readonly error: Error;
}

/** What was done for VMs, and for which of them it could not be. */
export interface VmOutcomes<T> {
  readonly done: readonly T[];
  readonly failed: readonly VmFailure[];
}

/** Does something for each VM in turn. What is in the way of one, which its own guest or launcher may have put there, is in no other's. */
export async function forEachVm<V, T>(
  vms: Iterable<V>,
  nameOf: (vm: V) => string,
  act: (vm: V) => T | Promise<T>,
): Promise<VmOutcomes<T>> {
  const done: T[] = [];
  const failed: VmFailure[] = [];
  for (const vm of vms) {
    try {
      done.push(await act(vm));
    } catch (error) {
      failed.push({ vm: nameOf(vm), error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { done, failed };
}
