import { expect, test } from "vitest";

import { featureGeometry } from "./feature-geometry.ts";

const close = (values: readonly number[], wanted: readonly number[]): void => {
  expect(values).toHaveLength(wanted.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(wanted[i]!, 12);
};

test("features at right angles have a dimension each and do not disturb each other", () => {
  const { norms, cosines, interference, dimensionality } = featureGeometry([
    [2, 0],
    [0, 0.5],
  ]);
  close(norms, [2, 0.5]);
  close(cosines.flat(), [1, 0, 0, 1]);
  close(interference, [0, 0]);
  close(dimensionality, [1, 1]);
});

test("an antipodal pair has half a dimension each", () => {
  const { cosines, interference, dimensionality } = featureGeometry([[3], [-3]]);
  close(cosines.flat(), [1, -1, -1, 1]);
  close(interference, [9, 9]);
  close(dimensionality, [0.5, 0.5]);
});

test("five features in a pentagon have two fifths of a dimension each", () => {
  const pentagon = Array.from({ length: 5 }, (_, i) => {
    const angleRad = (2 * Math.PI * i) / 5;
    return [Math.cos(angleRad), Math.sin(angleRad)];
  });
  close(featureGeometry(pentagon).dimensionality, [0.4, 0.4, 0.4, 0.4, 0.4]);
});

test("a feature that is not represented has no part of any dimension", () => {
  const { norms, cosines, interference, dimensionality } = featureGeometry([
    [1, 0],
    [0, 0],
  ]);
  close(norms, [1, 0]);
  close(cosines.flat(), [1, 0, 0, 0]);
  close(interference, [0, 0]);
  close(dimensionality, [1, 0]);
});
