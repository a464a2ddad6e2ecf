// Operators of ONNX Runtime that are others of ONNX under another name, several in one, or with channels last.

import type { Tensor } from "../../tensor/tensor.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import { convolutions } from "./convolution.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { indexing } from "./indexing.ts";
import { making } from "./making.ts";
import { pieces } from "./pieces.ts";
import { realForm } from "./real-form.ts";
import { resample } from "./resample.ts";

/** An operator that ONNX has too: in the form of operator set 13, and run under that name. */
function alias(opType: string, handler: ImportHandler): ImportHandler {
  return (context) =>
    handler({
      ...context,
      opset: 13,
      asItIs: (outputs, form) => context.asItIs(outputs, { opType, ...form }),
    });
}

function expanded({ opType, input, known, refuse }: ImportContext): Tensor {
  const axis = known(1)?.[0];
  if (axis === undefined) throw refuse("lacks its axis");
  const x = input(0);
  return x.unsqueeze(resolveAxis(opType, axis, x.rank + 1));
}

/** As its first input is in shape and type. */
const likeInput: ImportHandler = ({ input, asItIs }) => asItIs([input(0)]);

/** Experts with weights of few bits. ONNX Runtime reads the scales without looking whether they are there. */
function packedExperts(context: ImportContext): Tensor | readonly Tensor[] {
  const { input, asItIs, refuse } = context;
  for (const at of [2, 5]) {
    const [weights, scales] = [input(at), input(at + 1)];
    const isWhole = [0, 1].every((axis) => scales.shape[axis] === weights.shape[axis]);
    if (weights.rank !== 3 || scales.rank < 2 || !isWhole)
      throw refuse(`has scales [${scales.shape.join(", ")}] for [${weights.shape.join(", ")}]`);
  }
  return asItIs([input(0)]);
}

/** Distances of all rows [m, k] from all others [n, k]. */
function distances({ input, asItIs, refuse }: ImportContext): readonly Tensor[] {
  const [a, b] = [input(0), input(1)];
  if (a.rank !== 2 || b.rank !== 2) throw refuse("compares what are no rows");
  return asItIs([{ shape: [a.shape[0]!, b.shape[0]!], dtype: a.dtype }]);
}

/** A product with weights in 4 bits that stand for numbers of a table. */
function tableProduct({ input, int, asItIs, refuse }: ImportContext): readonly Tensor[] {
  const [x, columns, rows] = [input(0), int("K", 0), int("N", 0)];
  if (x.shape.at(-1) !== columns || rows < 1)
    throw refuse(`multiplies [${x.shape.join(", ")}] by ${columns} x ${rows}`);
  return asItIs([{ shape: [...x.shape.slice(0, -1), rows], dtype: x.dtype }]);
}

/** What is largest in every part of regions. */
function regionMaxima({ input, ints, asItIs, refuse }: ImportContext): readonly Tensor[] {
  const [x, regions, pooled] = [input(0), input(1), ints("pooled_shape") ?? []];
  if (x.rank !== 4 || regions.rank !== 2 || regions.shape[1] !== 5 || pooled.length !== 2)
    throw refuse(`pools [${x.shape.join(", ")}] in regions [${regions.shape.join(", ")}]`);
  return asItIs([{ shape: [regions.shape[0]!, x.shape[1]!, ...pooled], dtype: x.dtype }]);
}

/** x + bias + skip. */
const biasAdd: ImportHandler = ({ input }) => input(0).add(input(1)).add(input(2));

/** (x + bias) in two halves: the one times the GELU of the other. */
function biasSplitGelu({ input, refuse }: ImportContext): Tensor {
  const x = input(0).add(input(1));
  const half = x.shape.at(-1)! / 2;
  if (!Number.isInteger(half)) throw refuse(`splits ${x.shape.at(-1)} channels in two`);
  const [values, gate] = x.split({ axis: x.rank - 1, sizes: [half, half] });
  return values!.mul(gate!.gelu());
}

const channelsFirst = (x: Tensor): Tensor =>
  x.transpose([0, x.rank - 1, ...x.shape.map((_, i) => i).slice(1, -1)]);
const channelsLast = (x: Tensor): Tensor =>
  x.transpose([0, ...x.shape.map((_, i) => i).slice(2), 1]);

/** Mean 0 and variance 1 over the channels of a group and all of space, and then perhaps SiLU. */
function groupNorm(context: ImportContext, x: Tensor): Tensor {
  const { input, int, float, refuse } = context;
  const isLast = int("channels_last", 1) !== 0;
  const groups = int("groups", 1);
  const first = isLast ? channelsFirst(x) : x;
  const [batch = 0, channels = 0] = first.shape;
  if (x.rank < 3 || channels % groups !== 0 || channels === 0)
    throw refuse(`makes ${groups} groups of [${x.shape.join(", ")}]`);
  const lines = first.reshape([batch, groups, first.size / (batch * groups)]);
  const y = lines.layerNorm(undefined, undefined, { epsilon: float("epsilon", 1e-5) });
  const own = (t: Tensor): Tensor => t.reshape([channels, ...first.shape.slice(2).map(() => 1)]);
  const scaled = y
    .reshape(first.shape)
    .mul(own(input(1)))
    .add(own(input(2)));
  const active = int("activation", 0) === 1 ? scaled.mul(scaled.sigmoid()) : scaled;
  return isLast ? channelsLast(active) : active;
}

/** A group norm of a sum, which is an output too. */
function skipGroupNorm(context: ImportContext): readonly Tensor[] {
  const { input, inputs } = context;
  const [x, skip, bias] = [input(0), input(3), inputs[4]];
  const [batch = 0, channels = 0] = [x.shape[0], x.shape.at(-1)];
  // one for all of space
  const all = skip.rank === 2 ? skip.reshape([batch, 1, 1, channels]) : skip;
  const sum = bias === undefined ? x.add(all) : x.add(all).add(bias);
  return [groupNorm(context, sum), sum];
}

/** A convolution of [batch, ...space, channels] with kernels [out, ...size, in / groups]. */
function lastConvolution(context: ImportContext): Tensor {
  const [x, w] = [channelsFirst(context.input(0)), channelsFirst(context.input(1))];
  const [y] = realForm(context, convolutions["Conv"]!, [x, w, context.inputs[2]]);
  return channelsLast(y!);
}

export const rest: ImportHandlers = {
  MaxRoiPool: regionMaxima,
  "com.microsoft.Trilu": alias("Trilu", making["Trilu"]!),
  "com.microsoft.Range": alias("Range", making["Range"]!),
  "com.microsoft.Pad": alias("Pad", pieces["Pad"]!),
  "com.microsoft.GatherND": alias("GatherND", indexing["GatherND"]!),
  "com.microsoft.GridSample": alias("GridSample", resample["GridSample"]!),
  "com.microsoft.ExpandDims": expanded,
  "com.microsoft.Inverse": likeInput,
  "com.microsoft.CDist": distances,
  "com.microsoft.MoE": likeInput,
  "com.microsoft.QMoE": packedExperts,
  "com.microsoft.MatMulBnb4": tableProduct,
  "com.microsoft.BiasAdd": biasAdd,
  "com.microsoft.BiasSplitGelu": biasSplitGelu,
  "com.microsoft.GroupNorm": (context) => groupNorm(context, context.input(0)),
  "com.microsoft.SkipGroupNorm": skipGroupNorm,
  "com.microsoft.NhwcConv": lastConvolution,
};
