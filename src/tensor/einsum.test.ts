import * as fc from "fast-check";
import { expect, test } from "vitest";

import { gradients, randn, tensor, zeros } from "../runtime/index.ts";
import { einsum } from "./einsum.ts";

const SIZES: Readonly<Record<string, number>> = { a: 2, b: 3, c: 1, d: 4, e: 2 };

/** The sum of products by one loop over all assignments of the letters. */
function reference(operands: readonly string[], output: string, datas: readonly Float32Array[]) {
  const letters = [...new Set(operands.join(""))];
  const strides = (part: string) => (at: Readonly<Record<string, number>>) =>
    part.split("").reduce((offset, letter) => offset * SIZES[letter]! + at[letter]!, 0);
  const count = (part: readonly string[]) =>
    part.reduce((product, letter) => product * SIZES[letter]!, 1);
  const result = new Float64Array(count(output.split("")));
  for (let k = 0; k < count(letters); k++) {
    const at: Record<string, number> = {};
    let rest = k;
    for (const letter of letters) {
      at[letter] = rest % SIZES[letter]!;
      rest = Math.floor(rest / SIZES[letter]!);
    }
    const product = operands.reduce((p, part, i) => p * datas[i]![strides(part)(at)]!, 1);
    result[strides(output)(at)]! += product;
  }
  return result;
}

const part = fc.shuffledSubarray(Object.keys(SIZES)).map((letters) => letters.join(""));

const equations = fc
  .array(part, { minLength: 1, maxLength: 3 })
  .chain((operands) =>
    fc
      .shuffledSubarray([...new Set(operands.join(""))])
      .map((output) => ({ operands, output: output.join("") })),
  );

test("einsum of random equations equals one loop over all letters", async () => {
  await fc.assert(
    fc.asyncProperty(equations, async ({ operands, output }) => {
      const xs = operands.map((letters, i) =>
        randn(
          letters.split("").map((letter) => SIZES[letter]!),
          { seed: i },
        ),
      );
      const datas = await Promise.all(xs.map(async (x) => (await x.data()) as Float32Array));
      const y = einsum(`${operands.join(",")}->${output}`, ...xs);
      expect(y.shape).toEqual(output.split("").map((letter) => SIZES[letter]!));
      const expected = reference(operands, output, datas);
      // 1e-4: float32 sums of at most 48 products of three normal numbers
      for (const [i, value] of (await y.numbers()).entries())
        expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test("attention scores come out as a product of two matrices a head", async () => {
  const q = randn([2, 3, 4, 5], { seed: 1 });
  const k = randn([2, 6, 4, 5], { seed: 2 });
  const scores = einsum("bqhd, bkhd -> bhqk", q, k);
  const byHand = q.transpose([0, 2, 1, 3]).matmul(k.transpose([0, 2, 3, 1]));
  expect(scores.shape).toEqual([2, 4, 3, 6]);
  expect(await scores.data()).toEqual(await byHand.data());
});

test("a trace of letters to nothing is the sum of all products", async () => {
  const x = tensor([1, 2, 3]);
  expect(await einsum("i,i->", x, tensor([4, 5, 6])).item()).toBe(32);
  expect(await einsum("i->", x).item()).toBe(6);
});

test("the gradient of a sum of products is the other factor", async () => {
  const x = tensor([1, 2, 3]);
  const y = tensor([4, 5, 6]);
  const [dx] = gradients(einsum("i,i->", x, y), [x]);
  expect(await dx!.data()).toEqual(Float32Array.of(4, 5, 6));
});

test("equations that cannot be read are refused", () => {
  const x = zeros([2, 3]);
  expect(() => einsum("ij", x)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: einsum: the equation "ij" is not letters, commas and one arrow.
      fix: write it as "ij,jk->ik".]
  `);
  expect(() => einsum("...j->j", x)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: einsum: the equation "...j->j" is not letters, commas and one arrow.
      fix: write it as "ij,jk->ik".]
  `);
  expect(() => einsum("ii->i", x)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: einsum: the equation "ii->i" names an axis of "ii" twice.
      fix: use one letter an axis.]
  `);
  expect(() => einsum("ij->ik", x)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: einsum: the equation "ij->ik" has "k" right of the arrow only.
      fix: name it in an operand too.]
  `);
});

test("tensors that do not go with the equation are refused", () => {
  const x = zeros([2, 3]);
  expect(() => einsum("ij,jk->ik", x)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: einsum: the equation "ij,jk->ik" has 2 operands, but 1 tensors were given.]`,
  );
  expect(() => einsum("ijk->i", x)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: einsum: operand 0 of "ijk->i" has 3 letters, but the tensor has shape [2, 3].]`,
  );
  expect(() => einsum("ij,jk->ik", x, x)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: einsum: "j" of "ij,jk->ik" is 3 in one operand and 2 in another.]`,
  );
});
