import { expect, test } from "vitest";

import type { Draw, NodeForm, NodeInput } from "../../../test/onnx-engine.ts";
import { drawn, expectAgreement, traced } from "../../../test/onnx-engine.ts";
import { Rng } from "../../core/rng.ts";

test("products of vectors, matrices and batches are the engine's", async () => {
  await expectAgreement(({ whole, one, normals }) => {
    const [rows, inner, columns] = [whole(1, 3), whole(1, 4), whole(1, 3)];
    const a = one([inner], [rows, inner], [2, rows, inner], [2, 1, rows, inner], [1, rows, inner]);
    const b = one([inner], [inner, columns], [2, inner, columns], [3, inner, columns]);
    const lead = a.length > 3 || b.length < 3 || a.length < 3 || a[0] === 1 || a[0] === b[0];
    return { opType: "MatMul", inputs: [normals(...a), normals(...(lead ? b : [inner, columns]))] };
  });
});

test("whole numbers are multiplied as the engine does", async () => {
  await expectAgreement(
    ({ wholes, one }) => {
      const dtype = one("int32", "int64");
      return {
        opType: "MatMul",
        inputs: [wholes([2, 3], -9, 9, dtype), wholes([3, 2], -9, 9, dtype)],
      };
    },
    { runs: 4 },
  );
});

const gemmOf = ({ whole, one, flag, normals }: Draw): NodeForm => {
  const [m, k, n] = [whole(1, 3), whole(1, 4), whole(1, 3)];
  const [transA, transB] = [flag(), flag()];
  const c = one<readonly number[] | undefined>(undefined, [], [n], [1, n], [m, 1], [m, n]);
  const factor = (): { float: number } => ({ float: one(1, 1, 0.5, -2) });
  return {
    opType: "Gemm",
    opset: 13,
    attrs: {
      transA: Number(transA),
      transB: Number(transB),
      alpha: factor(),
      beta: factor(),
    },
    inputs: [
      normals(...(transA ? [k, m] : [m, k])),
      normals(...(transB ? [n, k] : [k, n])),
      ...(c === undefined ? [] : [normals(...c)]),
    ],
  };
};

test("Gemm is the engine's in all its forms", async () => {
  await expectAgreement(gemmOf, { runs: 40 });
});

test("FusedGemm adds its activation", async () => {
  await expectAgreement((draw) => {
    const form = gemmOf(draw);
    const activation = draw.one("Relu", "Tanh", "Sigmoid", "LeakyRelu");
    const attrs = { ...form.attrs, activation, activation_alpha: { float: 0.1 } };
    return { ...form, opType: "com.microsoft.FusedGemm", attrs };
  });
});

test("FusedMatMul turns its operands and their batches", async () => {
  await expectAgreement(({ whole, flag, one, normals }) => {
    const [m, k, n] = [whole(1, 3), whole(1, 3), whole(1, 3)];
    const side = (rows: number, columns: number): [number, number, NodeInput] => {
      const [isTurned, isInside] = [flag(), flag()];
      const [first, last] = isTurned ? [columns, rows] : [rows, columns];
      const shape = isInside ? [first, 2, last] : [2, first, last];
      return [Number(isTurned), Number(isInside), normals(...shape)];
    };
    const [transA, transBatchA, a] = side(m, k);
    const [transB, transBatchB, b] = side(k, n);
    const attrs = { transA, transB, transBatchA, transBatchB, alpha: { float: one(1, 0.3) } };
    return { opType: "com.microsoft.FusedMatMul", attrs, inputs: [a, b] };
  });
});

test("Einsum reads ellipses, diagonals and equations without an arrow as the engine does", async () => {
  const cases: readonly (readonly [string, ...(readonly number[])[]])[] = [
    ["ij,jk", [2, 3], [3, 2]],
    ["ij,jk->ki", [2, 3], [3, 2]],
    ["ii->i", [3, 3]],
    ["ii", [3, 3]],
    ["iji->j", [2, 3, 2]],
    ["...ij,...jk->...ik", [2, 2, 3], [2, 3, 2]],
    ["...ij,...jk->...ik", [4, 1, 2, 3], [4, 2, 3, 2]],
    ["b...,b...->...", [2, 3], [2, 3]],
    ["...ii->...i", [2, 3, 3]],
    ["bhqd, bkhd -> bhqk", [1, 2, 3, 2], [1, 4, 2, 2]],
    ["i,i", [3], [3]],
    ["i,j", [3], [2]],
    ["ij->", [2, 3]],
    ["bi,ij,bj->b", [2, 3], [3, 4], [2, 4]],
  ];
  await expectAgreement(
    ({ one, normals }) => {
      const [equation, ...shapes] = one(...cases);
      return { opType: "Einsum", attrs: { equation }, inputs: shapes.map((s) => normals(...s)) };
    },
    { runs: 60 },
  );
});

/** A product of 8-bit or 4-bit weights with whole inputs of which the largest is 127: eight bits hold them as they are. */
const packedOf = ({ one, flag, wholes, normals }: Draw): NodeForm => {
  const bits = one(4, 8);
  const [k, n, block] = [one(16, 32, 40, 64), 3, one(16, 32)];
  const blocks = Math.ceil(k / block);
  const zeros = flag() ? wholes([n * Math.ceil((blocks * bits) / 8)], 0, 256, "uint8") : undefined;
  const x = wholes([2, k], -127, 127, "int32");
  const data = Float32Array.from(x.data as Int32Array, (v, i) => ((i % k) % 16 === 0 ? 127 : v));
  return {
    opType: "com.microsoft.MatMulNBits",
    attrs: { K: k, N: n, bits, block_size: block, accuracy_level: one(0, 4) },
    inputs: [
      { shape: [2, k], dtype: "float32", data },
      wholes([n, blocks, (block * bits) / 8], 0, 256, "uint8"),
      one(normals(n * blocks), normals(n, blocks)),
      zeros,
      undefined,
      ...(flag() ? [normals(n)] : []),
    ],
  };
};

test("products of packed weights are the engine's, with zero points and a bias", async () => {
  await expectAgreement(packedOf, { runs: 40 });
});

test("packed weights whose columns name their block are the engine's", async () => {
  await expectAgreement(({ wholes, normals }) => {
    const attrs = { K: 40, N: 3, bits: 4, block_size: 16 };
    const packed = wholes([3, 3, 8], 0, 256, "uint8");
    const groups = wholes([40], 0, 3, "int32");
    const inputs = [normals(2, 40), packed, normals(3, 3), undefined, groups];
    return { opType: "com.microsoft.MatMulNBits", attrs, inputs };
  });
});

test("rows of a packed table are the engine's", async () => {
  await expectAgreement(({ one, flag, wholes, normals }) => {
    const bits = one(4, 8);
    const blocks = one(1, 2, 3);
    const zeros = wholes([5, Math.ceil((blocks * bits) / 8)], 0, 256, "uint8");
    return {
      opType: "com.microsoft.GatherBlockQuantized",
      attrs: { bits, block_size: 16, gather_axis: 0, quantize_axis: 1 },
      inputs: [
        wholes([5, (blocks * 16 * bits) / 8], 0, 256, "uint8"),
        wholes([2, 2], 0, 5, "int64"),
        normals(5, blocks),
        ...(flag() ? [zeros] : []),
      ],
    };
  });
});

test("an activation that nobody knows is refused by the node's name", () => {
  const x = drawn(new Rng(1), [2, 2]);
  const attrs = { activation: "Swirl" };
  expect(() =>
    traced({ opType: "com.microsoft.FusedGemm", attrs, inputs: [x, x] }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: importGraph: the node "node" (com.microsoft.FusedGemm) has the activation Swirl.]`,
  );
});
