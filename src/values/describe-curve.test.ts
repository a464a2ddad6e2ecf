import { expect, test } from "vitest";

import { describeCurve } from "./describe-curve.ts";

const metric = "share of calm texts";
const points = [-2, 0, 1, 2, 8].map((strength) => ({
  strength,
  effect: 0.4 + strength / 10,
  randomEffect: 0.41,
}));

test("a curve is told by its bands, its best strength in each, and where texts fall apart", () => {
  const curve = { metric, points, baseline: 0.4, collapse: 8, band: [1, 2], bandBelow: [-2, -2] };
  expect(describeCurve({ ...curve, collapseBelow: -16 } as never)).toMatchInlineSnapshot(
    `"share of calm texts: usable at strengths 1 to 2, with 0.6 at strength 2 against 0.4 without and 0.41 with random directions of the same norm; usable at strength -2, with 0.2 at strength -2 against 0.4 without and 0.41 with random directions of the same norm; texts fall apart from strength 8 on and from -16 down"`,
  );
});

test("a curve without a band says how far was looked", () => {
  expect(describeCurve({ metric, points })).toMatchInlineSnapshot(
    `"share of calm texts: no usable strength was found up to 8"`,
  );
  expect(describeCurve({ metric, points: points.slice(0, 1) })).toMatchInlineSnapshot(
    `"share of calm texts: not measured above strength zero"`,
  );
});

test("a curve without random directions says so", () => {
  const plain = points.map(({ strength, effect }) => ({ strength, effect }));
  expect(describeCurve({ metric, points: plain, band: [1, 2] })).toMatchInlineSnapshot(
    `"share of calm texts: usable at strengths 1 to 2, with 0.6 at strength 2, not compared with random directions"`,
  );
});
