import { beforeAll, describe, expect, test } from "vitest";

import { trainModularAddition, additionAccuracy, withFrequencies } from "./modular-addition.ts";
import type { TrainedModularAddition } from "./modular-addition.ts";

/** How many frequencies are few, of 15. */
const FEW = 5;

describe.each([1, 2, 3])("a network that adds modulo 31 (seed %i)", (seed) => {
  let found: TrainedModularAddition;
  const strongest = (): number[] =>
    found.frequencies.slice(0, FEW).map(({ frequency }) => frequency);
  const accuracyWith = async (frequencies: readonly number[]): Promise<number> => {
    const { network, world } = found;
    const changed = await withFrequencies(network, world.p, frequencies);
    return additionAccuracy(changed, world.problems.heldOut);
  };

  beforeAll(async () => {
    found = await trainModularAddition({ seed, p: 31, trainShare: 0.7, width: 48, steps: 500 });
  });

  test("gives sums that it never saw, and those that it did", () => {
    expect(found.accuracy.train).toBe(1);
    expect(found.accuracy.heldOut).toBeGreaterThan(0.98);
  });

  test("tells numbers apart by few frequencies", () => {
    const share = found.frequencies.slice(0, FEW).reduce((sum, own) => sum + own.share, 0);
    expect(share).toBeGreaterThan(0.8);
  });

  test("needs these and no others", async () => {
    const others = found.frequencies.slice(FEW).map(({ frequency }) => frequency);
    expect(await accuracyWith(strongest())).toBeGreaterThan(0.95);
    expect(await accuracyWith(others)).toBeLessThan(0.2);
  });
});
