// Weak references tell what is still held only once what nobody holds has been collected.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Collects all that nobody holds: twice, each time in a task of its own, since weak references hold until a task ends, and since one collection,
 * under load, was now and then seen to leave what the next one took.
 */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => void setImmediate(resolve));
    collect();
  }
}
