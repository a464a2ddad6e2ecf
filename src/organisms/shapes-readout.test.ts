import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { linearReadout } from "./shapes-readout.ts";
import type { LabelledFeatures } from "./shapes-readout.ts";

/** Points around three centres, of which the first number has no part. */
function points(rng: Rng, count: number): LabelledFeatures {
  const labels = Array.from({ length: count }, () => rng.below(3));
  const features = labels.map((label) => {
    const [x, y] = [Math.cos((2 * Math.PI * label) / 3), Math.sin((2 * Math.PI * label) / 3)];
    const noise = (): number => 0.1 * rng.normal();
    return Float32Array.of(5 * rng.normal(), 100 + x + noise(), y + noise());
  });
  return { features, labels };
}

test("classes that lie apart are told apart, though most of the variance has nothing to do with them", () => {
  const rng = new Rng(1);
  const readout = linearReadout(points(rng, 200));
  const { features, labels } = points(rng, 100);
  expect(features.map(readout)).toEqual(labels);
});

test("labels that do not depend on the features are not found", () => {
  const rng = new Rng(2);
  const { features } = points(rng, 300);
  const labels = features.map(() => rng.below(3));
  const readout = linearReadout({ features, labels });
  const fresh = points(rng, 300).features;
  const hits = fresh.filter((x) => readout(x) === rng.below(3)).length;
  expect(hits / 300).toBeGreaterThan(0.2);
  expect(hits / 300).toBeLessThan(0.47);
});

test("a feature that never changes does no harm", () => {
  const rng = new Rng(3);
  const { features, labels } = points(rng, 200);
  const wider = features.map((x) => Float32Array.of(...x, 7));
  const readout = linearReadout({ features: wider, labels });
  expect(wider.filter((x, i) => readout(x) === labels[i]).length).toBe(200);
});
