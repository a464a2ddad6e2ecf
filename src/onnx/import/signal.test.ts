import { expect, test } from "vitest";

import type { NodeForm } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { expectGradient } from "../../../test/onnx-gradients.ts";
import { Rng } from "../../core/rng.ts";

const dft = (x: NodeForm["inputs"][number], attrs: NodeForm["attrs"] = {}): NodeForm => ({
  opType: "DFT",
  opset: 20,
  attrs: { ...attrs },
  inputs: [x],
});

test("Fourier transforms are the engine's, forth and back, whole and half", async () => {
  await expectAgreement(
    ({ one, whole, normals }) => {
      const name = one("inverse", "onesided", "neither");
      const parts = name === "onesided" ? 1 : whole(1, 2);
      const attrs: NodeForm["attrs"] = name === "neither" ? {} : { [name]: 1 };
      return dft(normals(2, whole(1, 9), parts), attrs);
    },
    { runs: 30 },
  );
});

test("a signal comes back from its spectrum, also from half of it", async () => {
  for (const length of [1, 5, 8]) {
    const x = drawn(new Rng(1), [1, length, 1]);
    const [half] = traced(dft(x, { onesided: 1 }));
    const given = input(half!.shape, [...(await half!.numbers())]);
    const [back] = traced({
      opType: "DFT",
      attrs: { inverse: 1, onesided: 1 },
      inputs: [given, input([], [length], "int64")],
    });
    expect(back!.shape).toEqual([1, length, 1]);
    // float32, sums of 8 numbers near 1
    for (const [i, value] of (await back!.numbers()).entries())
      expect(Math.abs(value - Number(x.data[i]))).toBeLessThan(1e-5);
  }
});

test("Fourier transforms have gradients, also of pieces of a signal", async () => {
  await expectGradient(dft(drawn(new Rng(1), [2, 6, 1]), { onesided: 1 }), [0]);
  const pieces: NodeForm = {
    opType: "STFT",
    inputs: [
      drawn(new Rng(1), [1, 12, 1]),
      input([], [3], "int64"),
      drawn(new Rng(2), [5]),
      input([], [5], "int64"),
    ],
  };
  await expectGradient(pieces, [0, 2]);
});

test("windows are the engine's, periodic and not", async () => {
  await expectAgreement(({ one, whole }) => ({
    opType: one("HannWindow", "HammingWindow", "BlackmanWindow"),
    attrs: { periodic: whole(0, 1) },
    inputs: [input([], [whole(2, 12)], "int64")],
  }));
});

test("what would take too much is refused", () => {
  const size = input([], [1e9], "int64");
  expect(() => traced({ opType: "HannWindow", inputs: [size] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (HannWindow) has 1000000000 points.]`,
  );
  const x = drawn(new Rng(1), [1, 4, 1]);
  expect(() => traced({ opType: "DFT", inputs: [x, size] })).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (DFT) transforms 1000000000 points.]`,
  );
  expect(() =>
    traced({ opType: "STFT", inputs: [x, input([], [0], "int64"), drawn(new Rng(2), [2])] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (STFT) cuts pieces of 2 in steps of 0 from 4 points.]`,
  );
});
