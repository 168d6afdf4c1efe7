/** Does something the first time that it is asked for, and gives what came of it from then on. */
export function once<T>(act: () => T): () => T {
  const known: T[] = [];
  return () => {
    if (known.length === 0) known.push(act());
    return known[0] as T;
  };
}
