import { expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import { probe, probeScore } from "./probe.ts";

const x = tensor([
  [
    [1, 2],
    [3, -4],
  ],
]);

test("a linear probe reads the component along its direction, plus its bias", async () => {
  const own = probe({ kind: "linear", site: "embed", direction: [2, 1], bias: 0.5 });
  expect([...(await probeScore(own, x).numbers())]).toEqual([4.5, 2.5]);
});

test("an MLP probe has a ReLU between its layers and none at its end", async () => {
  const own = probe({
    kind: "mlp",
    site: "embed",
    layers: [
      {
        weight: [
          [1, 0],
          [0, 1],
        ],
        bias: [0, 1],
      },
      { weight: [[1, -2]], bias: [0.5] },
    ],
  });
  // hidden [1, 3] and [3, 0]
  expect([...(await probeScore(own, x).numbers())]).toEqual([-4.5, 3.5]);
});

test("a probe whose last layer gives two numbers is refused", () => {
  const layers = [{ weight: [[1], [2]], bias: [0, 0] }];
  expect(() => probe({ kind: "mlp", site: "embed", layers })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: probe: layers[0] of the probe is the last and gives 2 numbers, not one.]`,
  );
});
