// Weak references tell what is still held only once what nobody holds has been collected.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Collects all that nobody holds. It takes two collections, each in a task of its own: weak references hold until a task ends, and a
 * collection that was under way already keeps what was held when it began.
 */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => void setImmediate(resolve));
    collect();
  }
}
