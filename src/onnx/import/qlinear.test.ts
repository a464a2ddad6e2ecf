import { expect, test } from "vitest";

import type { Draw, NodeInput } from "../../../test/onnx-engine.ts";
import { expectAgreement, input, traced } from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";
import type { DType } from "../../tensor/tensor.ts";

// ONNX Runtime computes both sides, so they agree to the bit
const exactly = { tolerance: 0 };

const scale = ({ whole }: Draw, ...shape: number[]): NodeInput => {
  const rng = new Rng(whole(0, 999));
  const count = shape.reduce((a, b) => a * b, 1);
  return input(
    shape,
    Array.from({ length: count }, () => 0.01 + 0.05 * rng.uniform()),
  );
};

const bytes = ({ wholes }: Draw, dtype: DType, ...shape: number[]): NodeInput =>
  dtype === "int8" ? wholes(shape, -128, 128, dtype) : wholes(shape, 0, 256, dtype);

/** Numbers with one scale and one zero. */
const trio = (draw: Draw, dtype: DType, ...shape: number[]): NodeInput[] => [
  bytes(draw, dtype, ...shape),
  scale(draw),
  bytes(draw, dtype),
];

const result = (draw: Draw, dtype: DType): NodeInput[] => [scale(draw), bytes(draw, dtype)];

const byteType = ({ one }: Draw): DType => one("int8", "uint8");

test("products are the engine's, also of batches and by the scales of columns", async () => {
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    const b = draw.flag()
      ? trio(draw, dtype, 4, 3)
      : [bytes(draw, dtype, 4, 3), scale(draw, 3), bytes(draw, dtype, 3)];
    const lead = draw.one([], [2]);
    return {
      opType: "QLinearMatMul",
      inputs: [...trio(draw, dtype, ...lead, 2, 4), ...b, ...result(draw, dtype)],
    };
  }, exactly);
});

test("convolutions are the engine's, with a bias and by the scales of channels", async () => {
  await expectAgreement((draw) => {
    const isEach = draw.flag();
    const w = isEach
      ? [bytes(draw, "int8", 3, 2, 2, 2), scale(draw, 3), input([3], [0, 0, 0], "int8")]
      : [bytes(draw, "int8", 3, 2, 2, 2), scale(draw), input([], [0], "int8")];
    return {
      opType: "QLinearConv",
      attrs: { strides: [1, draw.whole(1, 2)], pads: [0, 1, draw.whole(0, 1), 0] },
      inputs: [
        ...trio(draw, "uint8", 1, 2, 4, 5),
        ...w,
        ...result(draw, "uint8"),
        draw.flag() ? draw.wholes([3], -99, 99, "int32") : undefined,
      ],
    };
  }, exactly);
});

test("operators on two numbers are the engine's", async () => {
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    const shape = draw.one([2, 3], [3], [1, 3], []);
    return {
      opType: draw.one("com.microsoft.QLinearAdd", "com.microsoft.QLinearMul"),
      inputs: [...trio(draw, dtype, 2, 3), ...trio(draw, dtype, ...shape), ...result(draw, dtype)],
    };
  }, exactly);
});

test("operators on one number are the engine's", async () => {
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    const [opType, attrs] = draw.one(
      ["Sigmoid", {}],
      ["LeakyRelu", { alpha: { float: 0.1 } }],
      ["Softmax", { axis: draw.one(-1, 1), opset: 13 }],
      ["Softmax", { axis: 1, opset: 11 }],
    );
    return {
      opType: `com.microsoft.QLinear${opType}`,
      attrs,
      inputs: [...trio(draw, dtype, 2, 3, 4), ...result(draw, dtype)],
    };
  }, exactly);
});

test("poolings are the engine's, channels first or last", async () => {
  await expectAgreement((draw) => {
    const channels_last = draw.whole(0, 1);
    const [opType, attrs] = draw.one(
      ["GlobalAveragePool", {}],
      ["AveragePool", { kernel_shape: [2, 2], strides: [draw.whole(1, 2), 1], pads: [0, 1, 0, 0] }],
    );
    const shape = channels_last === 1 ? [1, 5, 4, 3] : [1, 3, 5, 4];
    return {
      opType: `com.microsoft.QLinear${opType}`,
      attrs: { ...attrs, channels_last },
      inputs: [...trio(draw, "uint8", ...shape), ...result(draw, "uint8")],
    };
  }, exactly);
});

test("joined and chosen numbers are the engine's", async () => {
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    const parts = Array.from({ length: draw.whole(1, 3) }, () =>
      trio(draw, dtype, 2, draw.whole(1, 3)),
    );
    return {
      opType: "com.microsoft.QLinearConcat",
      attrs: { axis: 1 },
      inputs: [...result(draw, dtype), ...parts.flat()],
    };
  }, exactly);
  await expectAgreement((draw) => {
    const dtype = byteType(draw);
    return {
      opType: "com.microsoft.QLinearWhere",
      inputs: [
        draw.wholes([2, 3], 0, 2, "bool"),
        ...trio(draw, dtype, 2, 3),
        ...trio(draw, dtype, 3),
        ...result(draw, dtype),
      ],
    };
  }, exactly);
});

test("Gemm is the engine's, with whole and with real results", async () => {
  await expectAgreement((draw) => {
    const [transA, transB] = [draw.whole(0, 1), draw.whole(0, 1)];
    const isWhole = draw.flag();
    return {
      opType: "com.microsoft.QGemm",
      attrs: { transA, transB, alpha: { float: draw.one(1, 0.5) } },
      inputs: [
        ...trio(draw, "uint8", ...(transA === 1 ? [4, 2] : [2, 4])),
        ...trio(draw, "uint8", ...(transB === 1 ? [3, 4] : [4, 3])),
        draw.flag() ? draw.wholes([3], -99, 99, "int32") : undefined,
        ...(isWhole ? result(draw, "uint8") : []),
      ],
    };
  }, exactly);
});

test("attention with weights of 8 bits is the engine's", async () => {
  await expectAgreement((draw) => ({
    opType: "com.microsoft.QAttention",
    attrs: { num_heads: 2, unidirectional: draw.whole(0, 1) },
    inputs: [
      bytes(draw, "uint8", 2, 3, 4),
      bytes(draw, "uint8", 4, 12),
      draw.normals(12),
      scale(draw),
      scale(draw),
      draw.flag() ? input([2], [3, 2], "int32") : undefined,
      bytes(draw, "uint8"),
      bytes(draw, "uint8"),
    ],
  }));
});

test("embeddings of 8 bits are the engine's", async () => {
  await expectAgreement((draw) => {
    const tables = [5, 4, 2].map((rows) => bytes(draw, "uint8", rows, 4));
    const lines = [4, 4].map((size) => bytes(draw, "uint8", size));
    const five = Array.from({ length: 5 }, () => 0);
    return {
      opType: "com.microsoft.QEmbedLayerNormalization",
      inputs: [
        draw.wholes([2, 3], 0, 5, "int32"),
        draw.wholes([2, 3], 0, 2, "int32"),
        ...tables,
        ...lines,
        input([2, 3], [1, 1, 0, 1, 1, 1], "int32"),
        ...five.map(() => scale(draw)),
        ...five.map(() => bytes(draw, "uint8")),
      ],
      outputs: [true, true],
    };
  }, exactly);
});

test("no numbers at all, and tables for lines of another width, are refused", () => {
  const none = input([2, 0, 3], [], "uint8");
  const one = [input([], [0.1]), input([], [0], "uint8")];
  const softmax = {
    opType: "com.microsoft.QLinearSoftmax",
    attrs: { axis: 1, opset: 13 },
    inputs: [none, ...one, ...one],
  };
  expect(() => traced(softmax)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.QLinearSoftmax) works on no numbers.]`,
  );
  const bytesOf = (...shape: number[]): NodeInput =>
    input(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 1),
      "uint8",
    );
  const embedding = {
    opType: "com.microsoft.QEmbedLayerNormalization",
    inputs: [
      input([1, 2], [0, 1], "int32"),
      undefined,
      bytesOf(5, 4),
      bytesOf(4, 4),
      undefined,
      bytesOf(),
      bytesOf(4),
    ],
  };
  expect(() => traced(embedding)).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.QEmbedLayerNormalization) looks up [5, 4] for lines of another width.]`,
  );
});

test("a zero that is left out is 0", async () => {
  const codes = input([3], [0, 100, 255], "uint8");
  const scale = input([], [0.05]);
  const sigmoid = (zero: NodeInput | undefined): Promise<ArrayLike<number>> =>
    traced({
      opType: "com.microsoft.QLinearSigmoid",
      inputs: [codes, scale, zero, input([], [1 / 256]), zero],
    })[0]!.numbers();
  expect(await sigmoid(undefined)).toEqual(await sigmoid(input([], [0], "uint8")));
});
