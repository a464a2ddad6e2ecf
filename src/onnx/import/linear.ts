// Products of matrices, also of those that are packed in few bits.

import { dequantise } from "../../tensor/ops/quantised.ts";
import { einsum } from "../../tensor/einsum.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { typeInFile } from "./data.ts";
import { activated } from "./fused.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import { codesOf, withShape } from "./packed.ts";
import { spread } from "./rounding.ts";
import { timesConstant } from "./turned.ts";

/** The product over the last axis of one and the second last of the other; a vector is a row on the left and a column on the right. */
function product(a: Tensor, b: Tensor): Tensor {
  const fast = timesConstant(a, b);
  if (fast !== undefined) return fast;
  const left = a.rank === 1 ? a.unsqueeze(0) : a;
  const right = b.rank === 1 ? b.unsqueeze(1) : b;
  const [lead, rows] = [left.shape.slice(0, -2), left.shape.at(-2)!];
  // one product over all rows is faster than one a matrix, and so is its gradient
  const isFlat = right.rank === 2 && left.rank > 2 && left.size > 0;
  const flat = isFlat ? left.reshape([-1, left.shape.at(-1)!]) : left;
  const y = flat.matmul(right);
  const whole = isFlat ? y.reshape([...lead, rows, y.shape.at(-1)!]) : y;
  const shape = whole.shape.filter(
    (_, i) => (a.rank > 1 || i !== whole.rank - 2) && (b.rank > 1 || i !== whole.rank - 1),
  );
  return whole.reshape(shape);
}

/** The last two axes changed over, where that is asked for and there are two. */
function turned(x: Tensor, isTurned: boolean): Tensor {
  if (!isTurned || x.rank < 2) return x;
  const order = x.shape.map((_, i) => i);
  return x.transpose([...order.slice(0, -2), x.rank - 1, x.rank - 2]);
}

function matmul(context: ImportContext): Tensor | readonly Tensor[] {
  const [a, b] = [context.input(0), context.input(1)];
  if (["float32", "int32", "int64"].includes(a.dtype)) return product(a, b);
  throw context.refuse(`multiplies ${a.dtype}`);
}

/** alpha A B + beta C. */
function gemm(context: ImportContext): Tensor {
  const { int, float, input } = context;
  const [a, b, c] = [turned(input(0), int("transA", 0) === 1), input(1), context.inputs[2]];
  const [alpha, beta] = [float("alpha", 1), float("beta", 1)];
  const isTurned = int("transB", 0) === 1;
  if (a.rank !== 2 || b.rank !== 2) throw context.refuse("multiplies what is no matrix");
  const columns = isTurned ? b.shape[0]! : b.shape[1]!;
  const isBias = c?.rank === 1 && c.shape[0] === columns && alpha === 1 && beta === 1;
  if (isTurned && isBias && a.dtype === "float32") return a.linear(b, c);
  const fast = !isTurned && isBias ? timesConstant(a, b, c) : undefined;
  if (fast !== undefined) return fast;
  const times = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : x.mul(factor));
  const y = times(a.matmul(b, { transposeB: isTurned }), alpha);
  // ONNX Runtime does not read C where beta is 0
  return c === undefined || beta === 0 ? y : y.add(times(c, beta));
}

/** alpha A B, where operands may be turned, their batch axes behind the first axis of the matrices too. */
function fusedMatmul(context: ImportContext): Tensor {
  const side = (i: number, letter: "A" | "B"): Tensor => {
    const x = context.input(i);
    const isBatchInside = context.int(`transBatch${letter}`, 0) === 1;
    const middle = x.shape.map((_, axis) => axis).slice(1, -1);
    const matrices = isBatchInside ? x.transpose([...middle, 0, x.rank - 1]) : x;
    return turned(matrices, context.int(`trans${letter}`, 0) === 1);
  };
  const y = product(side(0, "A"), side(1, "B"));
  const alpha = context.float("alpha", 1);
  return alpha === 1 ? y : y.mul(alpha);
}

/**
 * Sums of products over named axes. What ONNX allows beyond one letter an axis is brought to that: an ellipsis becomes letters,
 * an axis named twice its diagonal, an axis of size 1 is repeated, and without an arrow the letters that occur once are the result.
 */
function einsumOf(context: ImportContext): Tensor {
  const equation = context.text("equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const parts = left.split(",");
  const tensors = parts.map((_, i) => context.input(i));
  const spare = letters().filter((letter) => !equation.includes(letter));
  const ranks = parts.map((part, i) =>
    part.includes("...") ? tensors[i]!.rank - (part.length - 3) : 0,
  );
  const most = Math.max(...ranks);
  if (Math.min(...ranks) < 0 || most > spare.length)
    throw context.refuse(`has the equation "${equation}", which its inputs do not fit`);
  const whole = (rank: number): string => spare.slice(most - rank, most).join("");
  const once = left
    .replaceAll(/[,.]/g, "")
    .split("")
    .filter((letter, i, all) => all.indexOf(letter) === i && all.lastIndexOf(letter) === i)
    .toSorted();
  const output =
    right === undefined ? whole(most) + once.join("") : right.replace("...", whole(most));
  const terms = parts.map((part, i) =>
    withoutRepeats(tensors[i]!, part.replace("...", whole(ranks[i]!))),
  );
  const sizes = new Map<string, number>();
  for (const [x, names] of terms) {
    for (const [axis, letter] of names.split("").entries())
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, x.shape[axis]!));
  }
  const full = terms.map(([x, names]) =>
    x.broadcastTo(names.split("").map((letter) => sizes.get(letter)!)),
  );
  return einsum(`${terms.map(([, names]) => names).join(",")}->${output}`, ...full);
}

function letters(): string[] {
  const alphabet = Array.from({ length: 26 }, (_, i) => String.fromCodePoint(97 + i));
  return [...alphabet, ...alphabet.map((letter) => letter.toUpperCase())];
}

/** A tensor whose axes of one letter are their diagonal, and the letters that are left. */
function withoutRepeats(x: Tensor, names: string): readonly [Tensor, string] {
  const list = names.split("");
  const second = list.findIndex((letter, i) => list.indexOf(letter) < i);
  if (second < 0) return [x, names];
  const first = list.indexOf(list[second]!);
  const rest = x.shape.map((_, i) => i).filter((i) => i !== first && i !== second);
  const size = x.shape[first]!;
  const others = rest.map((i) => x.shape[i]!);
  // the diagonal of a matrix is every (size + 1)th of its elements
  const diagonal = x
    .transpose([first, second, ...rest])
    .reshape([size * size, ...others])
    .slice({ axis: 0, step: size + 1 });
  return withoutRepeats(diagonal, [list[first]!, ...rest.map((i) => list[i]!)].join(""));
}

/** x W^T + bias, with the rows of W in blocks that share a scale. */
function matmulNBits(context: ImportContext): Tensor {
  const { int, input, inputs } = context;
  const [columns, rows] = [int("K", 0), int("N", 0)];
  const [bits, blockSize] = [int("bits", 4), int("block_size", 32)];
  if (bits !== 4 && bits !== 8) throw context.refuse(`has weights of ${bits} bits`);
  const form = { bits, blockSize, columns, accuracy: int("accuracy_level", 0) } as const;
  const blocks = Math.ceil(columns / blockSize);
  const [x, packed] = [input(0), withShape(input(1), [rows, blocks, (blockSize * bits) / 8])];
  const scales = withShape(input(2), [rows, blocks]);
  const [zeros, groups, bias] = inputs.slice(3);
  const shift = zeros && zeroShift(zeros, [rows, blocks], bits);
  if (groups !== undefined) {
    // as the operator is defined: ONNX Runtime's CPU kernel passes over the zero points here
    const own = (t: Tensor): Tensor => t.gather(groups, { axis: 1 });
    const steps = dequantise(packed, scales.onesLike(), form);
    const weight = (shift ? steps.add(own(shift)) : steps).mul(own(scales));
    return x.linear(weight, bias);
  }
  const y = x.linear(dequantise(packed, scales, form), bias);
  if (shift === undefined) return y;
  // (code - zero) scale = (code - middle) scale + (middle - zero) scale, and the second is one number a block
  const after = blocks * blockSize - columns;
  const whole = after === 0 ? x : x.pad({ axis: x.rank - 1, before: 0, after });
  const sums = whole.reshape([...x.shape.slice(0, -1), blocks, blockSize]).sum({ axis: -1 });
  return y.add(sums.linear(shift.mul(scales)));
}

/** How far zero lies below the middle of the range, in steps, for every block: [..., blocks]. */
function zeroShift(zeros: Tensor, shape: readonly number[], bits: 4 | 8): Tensor {
  const middle = bits === 8 ? 128 : 8;
  if (zeros.dtype === "float32") return zeros.reshape(shape).neg().add(middle);
  const [lead, blocks] = [shape.slice(0, -1), shape.at(-1)!];
  const perRow = Math.ceil((blocks * bits) / 8);
  const codes = codesOf(zeros.reshape([...lead, perRow]), bits);
  return codes.slice({ axis: -1, end: blocks }).neg().add(middle);
}

/** Rows of a packed table. */
function gatherBlocks(context: ImportContext): Tensor {
  const { int, input, inputs } = context;
  const [table, ids, scales, zeros] = [input(0), input(1), input(2), inputs[3]];
  const [bits, blockSize] = [int("bits", 4), int("block_size", 128)];
  const axis = int("quantize_axis", 1);
  const isLast = axis === -1 || axis === table.rank - 1;
  const type = typeInFile(table) ?? table.dtype;
  const isApart = type === "uint4" || type === "int4";
  if ((type !== "uint8" && !isApart) || (bits !== 4 && bits !== 8) || !isLast)
    throw context.refuse("has a table in a form that is not read here");
  if (int("gather_axis", 0) !== 0)
    throw context.refuse("looks up along another axis than the first");
  if (isApart) {
    // each number on its own, from 0 where there are no zeros
    const rows = table.gather(ids).cast("float32");
    const each = { axis: rows.rank - 1, blockSize };
    const own = (t: Tensor): Tensor => spread(t.gather(ids).cast("float32"), rows.shape, each);
    return (zeros ? rows.sub(own(zeros)) : rows).mul(own(scales));
  }
  const columns = (table.shape.at(-1)! * 8) / bits;
  const blocks = scales.shape.at(-1)!;
  if (blocks * blockSize !== columns)
    throw context.refuse(`has ${columns} columns, which blocks of ${blockSize} do not fill`);
  const packed = withShape(table, [...scales.shape, (blockSize * bits) / 8]);
  const rows = dequantise(packed, scales, { bits, blockSize, columns }).gather(ids);
  if (zeros === undefined) return rows;
  const shift = zeroShift(zeros, scales.shape, bits).mul(scales).gather(ids);
  const repeated = shift.unsqueeze(shift.rank).broadcastTo([...shift.shape, blockSize]);
  return rows.add(repeated.reshape(rows.shape));
}

export const linear: ImportHandlers = {
  MatMul: matmul,
  Gemm: gemm,
  Einsum: einsumOf,
  "com.microsoft.FusedMatMul": fusedMatmul,
  "com.microsoft.TransposeMatMul": fusedMatmul,
  "com.microsoft.FusedGemm": (context) =>
    activated(
      context,
      gemm(context),
      ["alpha", "beta", "gamma"].flatMap(
        (name) => context.float(`activation_${name}`, undefined) ?? [],
      ),
    ),
  "com.microsoft.MatMulNBits": matmulNBits,
  "com.microsoft.GatherBlockQuantized": gatherBlocks,
};
