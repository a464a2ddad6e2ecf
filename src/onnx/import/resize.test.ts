import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { bothWays, drawn, input, traced } from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import { gradients } from "../../runtime/index.ts";
import { fromHost } from "../../tensor/leaf.ts";

const MODES = ["nearest", "linear", "cubic"] as const;
const COORDINATES = [
  "half_pixel",
  "asymmetric",
  "align_corners",
  "pytorch_half_pixel",
  "half_pixel_symmetric",
] as const;
const NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;

// resizing is linear: <w, resize(d)> is <gradient of <w, resize>, d> for every d
test("the gradient of Resize is the transpose of what the engine does", async () => {
  const mode = fc.record({
    mode: fc.constantFrom(...MODES),
    coordinate_transformation_mode: fc.constantFrom(...COORDINATES),
    nearest_mode: fc.constantFrom(...NEAREST),
    exclude_outside: fc.constantFrom(0, 1),
  });
  const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
  await fc.assert(
    fc.asyncProperty(mode, sizes, fc.nat(), async (attrs, [height, width], seed) => {
      const rng = new Rng(seed);
      const x = drawn(rng, [1, 2, 4, 5]);
      const exclude = attrs.mode === "cubic" ? attrs.exclude_outside : 0;
      const form: NodeForm = {
        opType: "Resize",
        opset: 19,
        attrs: { ...attrs, exclude_outside: exclude },
        inputs: [x, undefined, undefined, input([4], [1, 2, height, width], "int64")],
      };
      const { engine } = await bothWays(form);
      const w = drawn(rng, [1, 2, height, width]);
      const leaf = fromHost(x.data, x);
      const y = traced(form, new Map([[0, leaf]]))[0]!;
      const [dx] = gradients(y.mul(fromHost(w.data, w)).sum(), [leaf]);
      const back = await dx!.mul(leaf).sum().item();
      const forth = engine[0]!.numbers.reduce((sum, v, i) => sum + v * Number(w.data[i]), 0);
      // float32 sums of at most 160 products of numbers near 1
      expect(Math.abs(back - forth)).toBeLessThan(1e-4 * Math.max(1, Math.abs(forth)));
    }),
    { seed: 5, numRuns: 80 },
  );
});

test("an upsampled image sends the gradient of each of its copies back", async () => {
  const leaf = fromHost(new Float32Array([1, 2]), { shape: [1, 1, 1, 2], dtype: "float32" });
  const form: NodeForm = {
    opType: "Upsample",
    opset: 9,
    inputs: [input([1, 1, 1, 2], [1, 2]), input([4], [1, 1, 2, 3])],
  };
  const [y] = traced(form, new Map([[0, leaf]]));
  const [dx] = gradients(y!.sum(), [leaf]);
  expect([...(await dx!.numbers())]).toEqual([6, 6]);
});
