import { expect, test } from "vitest";

import { siblingsOf } from "../../worlds/small/index.ts";
import { featureGeometry } from "./feature-geometry.ts";
import { trainHierarchy } from "./hierarchy.ts";
import type { TrainedHierarchy } from "./hierarchy.ts";

const seeds = [1, 2, 3];

/** Cosines of siblings, and of all other pairs. */
function cosinesOf({ world, directions }: TrainedHierarchy): {
  siblings: number[];
  others: number[];
} {
  const { cosines } = featureGeometry(directions);
  const found = { siblings: [] as number[], others: [] as number[] };
  for (const { index } of world.features) {
    for (let k = 0; k < index; k++) {
      const kind = siblingsOf(world, index).includes(k) ? "siblings" : "others";
      found[kind].push(cosines[index]![k]!);
    }
  }
  return found;
}

test.each(seeds)(
  "three children share a plane, at right angles to all else (seed %i)",
  async (seed) => {
    const trained = await trainHierarchy({ seed });
    const { siblings, others } = cosinesOf(trained);
    expect(Math.max(...others.map(Math.abs))).toBeLessThan(0.1);
    // of three vectors in a plane without an acute angle, the mean cosine lies between -1/2 and -1/3
    const mean = siblings.reduce((sum, cosine) => sum + cosine, 0) / siblings.length;
    expect(mean).toBeLessThan(-0.25);
    expect(mean).toBeGreaterThanOrEqual(-0.5);
    // 12 features in 9 dimensions, and next to nothing is lost
    expect(trained.loss).toBeLessThan(1e-4);
  },
);

test.each(seeds)(
  "children that may be on together do not fit into the same dimensions (seed %i)",
  async (seed) => {
    const { loss } = await trainHierarchy({ seed, isExclusive: false });
    expect(loss).toBeGreaterThan(1e-3);
  },
);

test("refused options say what is wrong", async () => {
  await expect(trainHierarchy({ hidden: 1.5 })).rejects.toThrowErrorMatchingInlineSnapshot();
  await expect(trainHierarchy({ steps: 0 })).rejects.toThrowErrorMatchingInlineSnapshot();
});
