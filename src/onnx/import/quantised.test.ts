import { expect, test } from "vitest";

import type { Draw, NodeForm, NodeInput } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import type { DType } from "../../tensor/tensor.ts";

// ONNX Runtime computes both sides, so they agree to the bit
const exactly = { tolerance: 0 };

/** Scales above 0, of a size at which numbers fill their range. */
const scales = (seed: number, ...shape: number[]): NodeInput => {
  const rng = new Rng(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return input(
    shape,
    Array.from({ length: count }, () => 0.01 + 0.05 * rng.uniform()),
  );
};

const byteType = ({ one }: Draw): DType => one("int8", "uint8");
const bytes = ({ wholes }: Draw, dtype: DType, ...shape: number[]): NodeInput =>
  dtype === "int8" ? wholes(shape, -128, 128, dtype) : wholes(shape, 0, 256, dtype);

test("real numbers are rounded as the engine does, by one scale, one an axis or one a block", async () => {
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    const form = draw.one("one", "axis", "block");
    const seed = draw.whole(0, 99);
    const x = draw.normals(3, 4);
    const sizes = { one: [], axis: [4], block: [3, 2] }[form];
    const attrs = { one: {}, axis: { axis: 1 }, block: { axis: 1, block_size: 2 } }[form];
    const inputs = [x, scales(seed, ...sizes), bytes(draw, dtype, ...sizes)];
    return { opType: "QuantizeLinear", attrs, inputs };
  }, exactly);
});

test("without a zero the type is that which the node says, or uint8", async () => {
  for (const [attrs, dtype] of [
    [{}, "uint8"],
    [{ output_dtype: 3 }, "int8"],
  ] as const) {
    const form: NodeForm = {
      opType: "QuantizeLinear",
      attrs,
      inputs: [drawn(new Rng(1), [3]), scales(2)],
    };
    expect(traced(form)[0]!.dtype).toBe(dtype);
    await expectAgreement(() => form, { runs: 1, ...exactly });
  }
});

test("numbers stand for what the engine says, by one scale, one an axis or one a block", async () => {
  await expectAgreement((draw) => {
    const dtype = draw.one<DType>("int8", "uint8", "int32");
    const form = draw.one("one", "axis", "block");
    const sizes = { one: [], axis: [3], block: [2, 4] }[form];
    const attrs = { one: {}, axis: { axis: -2 }, block: { axis: 0, block_size: 2 } }[form];
    const x = dtype === "int32" ? draw.wholes([3, 4], -999, 999, dtype) : bytes(draw, dtype, 3, 4);
    const zero = dtype === "int32" ? [] : [bytes(draw, dtype, ...sizes)];
    return {
      opType: "DequantizeLinear",
      attrs,
      inputs: [x, scales(draw.whole(0, 99), ...sizes), ...zero],
    };
  }, exactly);
});

test("the range of the numbers themselves is the engine's", async () => {
  await expectAgreement(
    ({ normals, whole }) => ({
      opType: "DynamicQuantizeLinear",
      inputs: [normals(whole(1, 4), whole(1, 9))],
      outputs: [true, true, true],
    }),
    exactly,
  );
});

test("products of whole numbers are the engine's", async () => {
  await expectAgreement((draw) => {
    const [a, b] = [byteType(draw), byteType(draw)];
    const columns = draw.whole(1, 3);
    const perColumn = draw.one([], [columns]);
    const lead = draw.one([], [2], [2, 1]);
    return {
      opType: "MatMulInteger",
      inputs: [
        bytes(draw, a, ...lead, 3, 4),
        bytes(draw, b, 4, columns),
        draw.flag() ? bytes(draw, a) : undefined,
        draw.flag() ? bytes(draw, b, ...perColumn) : undefined,
      ],
    };
  }, exactly);
});

test("convolutions of whole numbers are the engine's", async () => {
  await expectAgreement((draw) => {
    const dtype = "uint8";
    return {
      opType: "ConvInteger",
      attrs: { strides: [draw.whole(1, 2), 1], pads: [0, draw.whole(0, 1), 1, 0] },
      inputs: [
        bytes(draw, dtype, 1, 2, 5, 4),
        bytes(draw, dtype, 3, 2, 2, 2),
        draw.flag() ? bytes(draw, dtype) : undefined,
        undefined,
      ],
    };
  }, exactly);
});

test("products of real numbers with weights of 8 bits are the engine's", async () => {
  await expectAgreement((draw) => {
    const b = byteType(draw);
    const each = draw.one([], [3]);
    return {
      opType: "com.microsoft.DynamicQuantizeMatMul",
      inputs: [
        draw.normals(2, 4),
        bytes(draw, b, 4, 3),
        scales(draw.whole(0, 99), ...each),
        draw.flag() ? bytes(draw, b, ...each) : undefined,
        draw.flag() ? draw.normals(3) : undefined,
      ],
    };
  }, exactly);
  await expectAgreement((draw) => {
    const [a, b] = ["uint8" as const, byteType(draw)];
    const each = draw.one([], [3]);
    return {
      opType: "com.microsoft.MatMulIntegerToFloat",
      inputs: [
        bytes(draw, a, 2, 4),
        bytes(draw, b, 4, 3),
        scales(draw.whole(0, 99)),
        scales(draw.whole(0, 99), ...each),
        draw.flag() ? bytes(draw, a) : undefined,
        draw.flag() ? bytes(draw, b, ...each) : undefined,
        draw.flag() ? draw.normals(3) : undefined,
      ],
    };
  }, exactly);
});

const x = drawn(new Rng(1), [2, 4]);
const whole = (dtype: DType, ...values: number[]): NodeInput =>
  input([values.length], values, dtype);

const refusals: Readonly<Record<string, NodeForm>> = {
  "a zero of 32 bits, whose type in a file is not known": {
    opType: "QuantizeLinear",
    inputs: [x, scales(1), input([], [3], "int32")],
  },
  "a type that numbers are not rounded to": {
    opType: "QuantizeLinear",
    attrs: { output_dtype: 17 },
    inputs: [x, scales(1)],
  },
  "scales that fit neither axis nor blocks": {
    opType: "DequantizeLinear",
    attrs: { axis: 0, block_size: 2 },
    inputs: [whole("int8", 1, 2, 3, 4), scales(1, 3)],
  },
  "a product that has no kernel": {
    opType: "com.microsoft.MatMulIntegerToFloat",
    inputs: [whole("int8", 1, 2), whole("int8", 1, 2), scales(1), scales(1)],
  },
};

test("what is not computed is refused by the node's name", () => {
  const said = Object.entries(refusals).map(([what, form]) => {
    expect(() => traced(form)).toThrow(PatchClampError);
    try {
      traced(form);
      return what;
    } catch (error) {
      return `${what}: ${(error as Error).message}`;
    }
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "a zero of 32 bits, whose type in a file is not known: importGraph: the node "node" (QuantizeLinear) makes int32 of real numbers.",
      "a type that numbers are not rounded to: importGraph: the node "node" (QuantizeLinear) makes float8e4m3fn of real numbers.",
      "scales that fit neither axis nor blocks: importGraph: the node "node" (DequantizeLinear) has scales [3] in blocks of 2 along axis 0 of [4].",
      "a product that has no kernel: importGraph: the node "node" (com.microsoft.MatMulIntegerToFloat) multiplies int8, and its kernel takes uint8 alone.",
    ]
  `);
});
