import { beforeAll, describe, expect, test } from "vitest";

import { configure } from "../../runtime/index.ts";
import { additionAccuracy, withFrequencies } from "./addition-measures.ts";
import { trainModularAddition } from "./modular-addition.ts";
import type { TrainedModularAddition } from "./modular-addition.ts";

// graphs this small run hardly faster on more threads
await configure({ threads: 1 });

/** How many frequencies are few, of 18. */
const FEW = 6;

describe.each([1, 2, 3])("a network that adds modulo 37 (seed %i)", (seed) => {
  let found: TrainedModularAddition;
  const strongest = (): number[] =>
    found.frequencies.slice(0, FEW).map(({ frequency }) => frequency);
  const accuracyWith = async (frequencies: readonly number[]): Promise<number> => {
    const { network, world } = found;
    const changed = await withFrequencies(network, world.p, frequencies);
    return additionAccuracy(changed, world.problems.heldOut);
  };

  beforeAll(async () => {
    found = await trainModularAddition({ seed, p: 37, trainShare: 0.75, width: 48, steps: 600 });
  }, 180_000);

  test("gives sums that it never saw, and those that it did", () => {
    expect(found.accuracy.train).toBe(1);
    expect(found.accuracy.heldOut).toBeGreaterThan(0.98);
  });

  test("tells numbers apart by few frequencies", () => {
    const share = found.frequencies.slice(0, FEW).reduce((sum, own) => sum + own.share, 0);
    expect(share).toBeGreaterThan(0.7);
  });

  test("needs these and next to nothing of the others", async () => {
    const others = found.frequencies.slice(FEW).map(({ frequency }) => frequency);
    expect(await accuracyWith(strongest())).toBeGreaterThan(0.9);
    expect(await accuracyWith(others)).toBeLessThan(0.15);
  });
});
