// Lets only so many tasks run at a time.

/**
 * Makes a gate: tasks given to it start in their order, at most `limit` of them at a time.
 *
 * @param limit - at least 1
 * @returns a function that runs a task when its turn comes, and gives what it gives
 */
export function gate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => void waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // the place goes on to the next in line, if there is one
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
