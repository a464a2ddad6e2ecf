import * as fc from "fast-check";
import { expect, test } from "vitest";

import { gate } from "./gate.ts";

test("never more tasks run than the limit, all run in order, and each gives its own result", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ steps: fc.nat(3), fails: fc.boolean() }), { maxLength: 12 }),
      async (limit, tasks) => {
        const enter = gate(limit);
        let running = 0;
        let most = 0;
        const started: number[] = [];
        const results = await Promise.allSettled(
          tasks.map(({ steps, fails }, i) =>
            enter(async () => {
              started.push(i);
              most = Math.max(most, ++running);
              for (let step = 0; step < steps; step++) await Promise.resolve();
              running--;
              if (fails) throw new Error(`task ${i}`);
              return i;
            }),
          ),
        );
        expect(started).toEqual(tasks.map((_, i) => i));
        expect(most).toBeLessThanOrEqual(limit);
        // tasks that wait for nothing may be over before the next one starts
        const least = tasks.every(({ steps }) => steps > 0) ? Math.min(limit, tasks.length) : 0;
        expect(most).toBeGreaterThanOrEqual(least);
        expect(results.map(({ status }) => status === "rejected")).toEqual(
          tasks.map(({ fails }) => fails),
        );
      },
    ),
    { seed: 5, numRuns: 60 },
  );
});
