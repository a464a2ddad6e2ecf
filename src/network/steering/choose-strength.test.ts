import { expect, test } from "vitest";

import { interventionSet } from "../../values/index.ts";
import { atStrength, bestInBand } from "./choose-strength.ts";

const points = [-4, 0, 1, 2, 4, 8].map((strength) => ({
  strength,
  effect: strength === 8 ? 50 : Math.min(strength, 2),
}));

test("the best strength is that of the largest effect within the band, the weakest of equals", () => {
  const curve = { metric: "test", points };
  expect(bestInBand({ ...curve, band: [1, 4] })).toEqual({ strength: 2, effect: 2 });
  expect(bestInBand({ ...curve, band: [1, 1] })).toEqual({ strength: 1, effect: 1 });
  expect(bestInBand({ ...curve, band: [1, 8] })).toEqual({ strength: 8, effect: 50 });
  expect(bestInBand(curve)).toBeUndefined();
  expect(bestInBand({ ...curve, bandBelow: [-4, -4] })).toBeUndefined();
});

test("a set at another strength adds that many times its vector, and its curve says the same of it", () => {
  const set = interventionSet({
    interventions: [{ kind: "add", site: "embed", vector: [1, 2], scale: 0.5 }],
    curve: {
      metric: "test",
      points,
      band: [1, 4],
      collapse: 8,
      bandBelow: [-2, -1],
      collapseBelow: -4,
    },
  });
  const { interventions, curve } = atStrength(set, 4);
  expect(interventions[0]).toMatchObject({ scale: 2, vector: { shape: [2] } });
  expect(curve).toEqual({
    metric: "test",
    points: points.map(({ strength, effect }) => ({ strength: strength / 4, effect })),
    band: [0.25, 1],
    collapse: 2,
    bandBelow: [-0.5, -0.25],
    collapseBelow: -1,
  });
});
