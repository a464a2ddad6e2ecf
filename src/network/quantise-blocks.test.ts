import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../core/rng.ts";
import { evaluate, tensor } from "../runtime/index.ts";
import type { PackedForm } from "../tensor/ops/quantised.ts";
import { dequantise, packedLinear } from "../tensor/ops/quantised.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { packRows } from "./quantise-blocks.ts";

const forms = fc.record({
  bits: fc.constantFrom(4 as const, 8 as const),
  blockSize: fc.constantFrom(16, 32, 64),
  columns: fc.integer({ min: 1, max: 100 }),
});

/** What packed numbers stand for, in plain loops. */
function numberAt({ packed, scales }: ReturnType<typeof packRows>, form: PackedForm, i: number) {
  const { bits, blockSize, columns } = form;
  const blocks = Math.ceil(columns / blockSize);
  const block = Math.floor(i / columns) * blocks + Math.floor((i % columns) / blockSize);
  const at = block * blockSize + ((i % columns) % blockSize);
  const code = bits === 8 ? packed[at]! - 128 : ((packed[at >> 1]! >> (4 * (at % 2))) & 15) - 8;
  return { value: code * scales[block]!, step: Math.abs(scales[block]!) };
}

function weightOf(data: Float32Array, form: PackedForm): readonly [packed: Tensor, scales: Tensor] {
  const { bits, blockSize, columns } = form;
  const blocks = [data.length / columns, Math.ceil(columns / blockSize)];
  const { packed, scales } = packRows(data, form);
  const bytes = [...blocks, (blockSize * bits) / 8];
  return [tensor(packed, { shape: bytes, dtype: "uint8" }), tensor(scales, { shape: blocks })];
}

test("no number in eight bits is off by more than half a step of its block", () => {
  fc.assert(
    fc.property(forms, fc.nat(), fc.double({ min: -6, max: 6, noNaN: true }), (form, seed, e) => {
      const own = { ...form, bits: 8 as const };
      const data = Float32Array.from(new Rng(seed).normals(3 * form.columns), (x) => x * 10 ** e);
      const rows = packRows(data, own);
      for (const [i, x] of data.entries()) {
        const { value, step } = numberAt(rows, own, i);
        expect(Math.abs(value - x)).toBeLessThanOrEqual(step * 0.5001);
      }
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("four bits err a tenth less, squared, than steps of a seventh of the largest magnitude", () => {
  for (const blockSize of [16, 32, 64, 128]) {
    const form = { bits: 4 as const, blockSize, columns: blockSize };
    let [ours, plain] = [0, 0];
    for (let seed = 0; seed < 200; seed++) {
      const data = Float32Array.from(new Rng(seed).normals(blockSize));
      const rows = packRows(data, form);
      const step = Math.max(...data.map(Math.abs)) / 7;
      for (const [i, x] of data.entries()) {
        ours += (numberAt(rows, form, i).value - x) ** 2;
        plain += (Math.round(x / step) * step - x) ** 2;
      }
    }
    expect(ours / plain).toBeLessThan(0.9);
    expect(ours / plain).toBeGreaterThan(0.5);
  }
});

test("what eight bits stand for is packed to the same numbers", async () => {
  const form = { bits: 8 as const, blockSize: 16, columns: 40 };
  const data = Float32Array.from(new Rng(3).normals(80));
  const once = (await dequantise(...weightOf(data, form), form).data()) as Float32Array;
  const again = (await dequantise(...weightOf(once, form), form).data()) as Float32Array;
  expect(Math.max(...again.map((x, i) => Math.abs(x - once[i]!)))).toBeLessThan(1e-6);
});

test("zeros, and numbers too small for a scale, are packed as zeros", async () => {
  for (const bits of [4, 8] as const) {
    const form = { bits, blockSize: 16, columns: 20 };
    const data = new Float32Array(40).fill(1e-45);
    const [packed, scales] = weightOf(data.fill(0, 0, 20), form);
    expect(await dequantise(packed, scales, form).data()).toEqual(new Float32Array(40));
  }
});

test("a product with packed weights is that with what they stand for, but for its input in eight bits", async () => {
  for (const bits of [4, 8] as const) {
    for (const rows of [1, 5]) {
      const form = { bits, blockSize: 32, columns: 96 };
      const [packed, scales] = weightOf(Float32Array.from(new Rng(5).normals(64 * 96)), form);
      const x = tensor(Float32Array.from(new Rng(6).normals(rows * 96)), { shape: [rows, 96] });
      const weights = dequantise(packed, scales, form);
      const ours = packedLinear([x, packed, scales], form);
      // the same rounding, in a graph of its own: steps of 1/127 of the largest magnitude of every 32 numbers
      const blocks = x.reshape([rows, 3, 32]);
      const step = blocks
        .abs()
        .max({ axis: -1, keepDims: true })
        .mul(1 / 127);
      const rounded = blocks.div(step).round().mul(step).reshape([rows, 96]);
      const dense = tensor(await weights.data(), { shape: [64, 96] });
      const [byRounded, exact] = [rounded.linear(dense), x.linear(dense)];
      await evaluate([ours, byRounded, exact]);
      const apart = async (y: Tensor): Promise<number> => ours.sub(y).abs().max().item();
      expect(await apart(byRounded)).toBeLessThan(1e-4);
      expect(await apart(exact)).toBeGreaterThan(1e-3);
      expect(await apart(exact)).toBeLessThan(0.5);
    }
  }
});
