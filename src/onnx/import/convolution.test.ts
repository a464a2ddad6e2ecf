import { expect, test } from "vitest";

import type { Draw, NodeForm } from "../../../test/onnx-engine.ts";
import {
  drawn,
  expectAgreement,
  expectGradients,
  input,
  traced,
} from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import type { OnnxAttr } from "../../tensor/op.ts";

/** Drawn windows over `axes` axes of space: strides, dilations, and pads that are said or follow from a rule. */
const windowOf = (
  { whole, one }: Draw,
  axes: number,
  most: { readonly pad: (kernel: number) => number; readonly dilation: number },
): { kernel: number[]; attrs: Record<string, OnnxAttr> } => {
  const each = (low: number, high: number): number[] =>
    Array.from({ length: axes }, () => whole(low, high));
  const kernel = each(1, 3);
  const dilations = each(1, most.dilation);
  const pads = [...kernel, ...kernel].map((size) => whole(0, most.pad(size)));
  const mode = one("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID");
  const isDilated = dilations.some((step) => step > 1);
  const isSaid = mode === "NOTSET" || isDilated;
  // the engine's poolings refuse a rule under which windows lie apart
  const strides = each(1, 3).map((step, i) => (isSaid ? step : Math.min(step, kernel[i]!)));
  return {
    kernel,
    attrs: { strides, dilations, ...(isSaid ? { pads } : { auto_pad: mode }) },
  };
};

const spaceOf = (axes: number): number[] => [7, 6, 5].slice(0, axes);

test("Conv over one to three axes is the engine's", async () => {
  await expectAgreement(
    (draw) => {
      const axes = draw.one(1, 2, 2, 3);
      const groups = draw.one(1, 1, 2, 4);
      const { kernel, attrs } = windowOf(draw, axes, { pad: () => 2, dilation: 2 });
      return {
        opType: draw.one("Conv", "com.microsoft.FusedConv"),
        attrs: { ...attrs, group: groups },
        inputs: [
          draw.normals(2, 4, ...spaceOf(axes)),
          draw.normals(4, 4 / groups, ...kernel),
          ...(draw.flag() ? [draw.normals(4)] : []),
        ],
      };
    },
    { runs: 60 },
  );
});

test("FusedConv adds what it is given and its activation", async () => {
  await expectAgreement(({ one, normals }) => {
    const activation = one("Relu", "Tanh", "LeakyRelu", "Clip", "HardSigmoid");
    const params = { LeakyRelu: [0.1], Clip: [-0.5, 1], HardSigmoid: [0.3, 0.4] };
    const floats = params[activation as keyof typeof params];
    return {
      opType: "com.microsoft.FusedConv",
      attrs: { activation, ...(floats && { activation_params: { floats } }) },
      inputs: [normals(1, 2, 5, 5), normals(3, 2, 2, 2), normals(3), normals(1, 3, 4, 4)],
    };
  });
});

test("ConvTranspose with its paddings and asked-for sizes is the engine's", async () => {
  await expectAgreement(
    (draw) => {
      const { whole, one, flag, normals } = draw;
      const axes = one(1, 2, 2, 3);
      const groups = one(1, 2);
      const each = (low: number, high: number): number[] =>
        Array.from({ length: axes }, () => whole(low, high));
      const [kernel, strides, dilations] = [each(1, 3), each(1, 3), each(1, 2)];
      const space = [4, 3, 2].slice(0, axes);
      const natural = space.map(
        (n, i) => (n - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1,
      );
      const form = one("plain", "extra", "shape", "same");
      const extra = strides.map((step, i) => whole(0, Math.max(step, dilations[i]!) - 1));
      const pads = [...natural, ...natural].map((size) => whole(0, size > 3 ? 1 : 0));
      const attrs: Record<string, OnnxAttr> = { strides, dilations, group: groups };
      if (form === "plain" || form === "extra") attrs["pads"] = pads;
      if (form === "extra") attrs["output_padding"] = extra;
      if (form === "shape")
        attrs["output_shape"] = natural.map((size) => size - whole(0, size > 3 ? 2 : 0));
      if (form === "same") attrs["auto_pad"] = one("SAME_UPPER", "SAME_LOWER");
      return {
        opType: "ConvTranspose",
        attrs,
        inputs: [
          normals(2, 4, ...space),
          normals(4, 3, ...kernel),
          ...(flag() ? [normals(3 * groups)] : []),
        ],
      };
    },
    { runs: 80 },
  );
});

test("MaxPool is the engine's, also with the places it took", async () => {
  await expectAgreement(
    (draw) => {
      const axes = draw.one(1, 2, 2, 3);
      const { kernel, attrs } = windowOf(draw, axes, {
        pad: (size) => size - 1,
        dilation: draw.one(1, 1, 2),
      });
      const isCeiled = attrs["auto_pad"] === undefined && draw.flag();
      return {
        opType: "MaxPool",
        attrs: { ...attrs, kernel_shape: kernel, ceil_mode: Number(isCeiled) },
        inputs: [draw.normals(2, 3, ...spaceOf(axes))],
        outputs: draw.flag() ? [true, true] : [true],
      };
    },
    { runs: 60 },
  );
});

test.each(["AveragePool", "LpPool"])("%s is the engine's", async (opType) => {
  await expectAgreement(
    (draw) => {
      const axes = draw.one(1, 2, 2, 3);
      const { kernel, attrs } = windowOf(draw, axes, {
        pad: (size) => size - 1,
        dilation: draw.one(1, 1, 2),
      });
      const isCeiled = attrs["auto_pad"] === undefined && draw.flag();
      const own: NodeForm["attrs"] =
        opType === "LpPool" ? { p: draw.one(1, 2, 3) } : { count_include_pad: Number(draw.flag()) };
      return {
        opType,
        attrs: { ...attrs, ...own, kernel_shape: kernel, ceil_mode: Number(isCeiled) },
        inputs: [draw.normals(2, 3, ...spaceOf(axes))],
      };
    },
    { runs: 60 },
  );
});

test("poolings over all of space and norms over channels are the engine's", async () => {
  await expectAgreement(
    ({ one, normals }) => {
      const opType = one("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "LRN");
      const x = normals(2, 4, ...one([3], [2, 3], [2, 3, 2]));
      if (opType !== "LRN") return { opType, inputs: [x] };
      const attrs = {
        size: one(1, 3, 5),
        alpha: { float: 0.3 },
        beta: { float: 0.6 },
        bias: { float: 1.5 },
      };
      return { opType, attrs, inputs: [normals(2, 4, 3, 2)] };
    },
    { runs: 30 },
  );
});

test("MaxUnpool puts numbers back where the engine does", async () => {
  await expectAgreement(
    ({ normals }) => ({
      opType: "MaxUnpool",
      attrs: { kernel_shape: [2, 2], strides: [2, 2] },
      inputs: [normals(1, 1, 2, 2), input([1, 1, 2, 2], [0, 3, 8, 10], "int64")],
    }),
    { runs: 4 },
  );
});

test.each<[string, NodeForm]>([
  [
    "Conv",
    {
      opType: "Conv",
      attrs: { pads: [1, 0, 0, 1], strides: [2, 1], group: 2 },
      inputs: [drawn(new Rng(1), [1, 2, 4, 3]), drawn(new Rng(2), [2, 1, 2, 2])],
    },
  ],
  [
    "ConvTranspose",
    {
      opType: "ConvTranspose",
      attrs: { pads: [1, 0, 0, 1], strides: [2, 2], output_padding: [1, 1] },
      inputs: [drawn(new Rng(3), [1, 2, 3, 2]), drawn(new Rng(4), [2, 1, 2, 2])],
    },
  ],
  [
    "AveragePool",
    {
      opType: "AveragePool",
      attrs: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 1, 1, 0], ceil_mode: 1 },
      inputs: [drawn(new Rng(5), [1, 2, 4, 5])],
    },
  ],
])("gradients of %s are its finite differences", async (_, form) => {
  await expectGradients(form);
});

test("a window that the input does not fill is refused by the node's name", () => {
  const form = {
    opType: "MaxPool",
    attrs: { kernel_shape: [5] },
    inputs: [drawn(new Rng(1), [1, 1, 3])],
  };
  expect(() => traced(form)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (MaxPool) has a window of 5 that 3 positions do not fill.]`,
  );
});
