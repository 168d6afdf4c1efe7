import type { Exec } from "@netbind/netns";

/** Runs at most so many commands at a time; the others wait in line. A node's processors are for its guests. */
export function limitConcurrency(exec: Exec, most: number): Exec {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (argv, options) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await exec(argv, options);
    } finally {
      // The next waiter takes this one's place.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
