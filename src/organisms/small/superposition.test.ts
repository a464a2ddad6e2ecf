import { expect, test } from "vitest";

import { configure } from "../../runtime/index.ts";
import { featureGeometry } from "./feature-geometry.ts";
import { trainSuperposition } from "./superposition.ts";

// graphs this small run hardly faster on more threads
await configure({ threads: 1 });

// the last is one whose features of like importance are slow to part
const seeds = [1, 2, 8];

test.each(seeds)(
  "dense features: the most important have a dimension each, the rest none (seed %i)",
  async (seed) => {
    const { directions } = await trainSuperposition({ seed, probability: 1 });
    const { norms, interference } = featureGeometry(directions);
    for (const norm of norms.slice(0, 5)) expect(Math.abs(norm - 1)).toBeLessThan(0.05);
    for (const norm of norms.slice(5)) expect(norm).toBeLessThan(0.25);
    for (const disturbance of interference.slice(0, 5)) expect(disturbance).toBeLessThan(0.05);
  },
);

test.each(seeds)(
  "sparse features: more are kept than there are dimensions, and they interfere (seed %i)",
  async (seed) => {
    const { directions, world, loss } = await trainSuperposition({ seed, probability: 0.03 });
    const { norms, interference, dimensionality } = featureGeometry(directions);
    const kept = norms.filter((norm) => norm > 0.5).length;
    expect(kept).toBeGreaterThanOrEqual(9);
    expect(Math.max(...interference)).toBeGreaterThan(0.5);
    // the dimensions are used up, and none is used twice
    expect(dimensionality.reduce((sum, own) => sum + own, 0)).toBeCloseTo(5, 1);

    // the best that a network without superposition can do is to lose all but the first five: E[x^2] = probability / 3
    const lost = world.importance.slice(5).reduce((sum, importance) => sum + importance, 0);
    expect(loss).toBeLessThan((0.5 * lost * 0.03) / 3 / 20);
  },
);

test("directions are what single features write", async () => {
  const { network, directions } = await trainSuperposition({ steps: 20, features: 4, hidden: 2 });
  const one = [0, 0, 1, 0];
  const pass = await network.run([one], { capture: "hidden" });
  expect([...(await pass.at("hidden").numbers())]).toEqual([...directions[2]!]);
});

test("the same seed gives the same network, another seed another", async () => {
  const brief = async (seed: number): Promise<number> =>
    (await trainSuperposition({ seed, steps: 20 })).loss;
  expect(await brief(4)).toBe(await brief(4));
  expect(await brief(4)).not.toBe(await brief(5));
});

test("refused options say what is wrong", async () => {
  await expect(trainSuperposition({ hidden: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: trainSuperposition: hidden is 0, not an integer of at least 1.]`,
  );
  await expect(trainSuperposition({ steps: 0.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: trainSuperposition: steps is 0.5, not an integer of at least 1.]`,
  );
});
