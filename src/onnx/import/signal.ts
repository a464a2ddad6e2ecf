// Operators on signals.

import { tensor } from "../../tensor/ops/creation.ts";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import { resolveAxis } from "../../tensor/tensor.ts";
import { typeOf } from "../model.ts";
import { heldAs } from "./data.ts";
import type { ImportContext, ImportHandler, ImportHandlers } from "./handler.ts";
import { knownTensor } from "./known.ts";
import { integers } from "./shapes.ts";

/** Points of a window. */
const MOST_POINTS = 2 ** 20;

function heldType({ opType, int, refuse }: ImportContext): DType {
  const type = typeOf(int("output_datatype", 1));
  if (type === undefined) throw refuse("makes an unknown type");
  return heldAs(opType, type, "its output");
}

/** A sum of cosines over the length of the window. */
function window(weights: readonly number[]): ImportHandler {
  return (context) => {
    const size = context.known(0)?.[0] ?? 0;
    if (!(Number.isInteger(size) && size >= 0 && size <= MOST_POINTS))
      throw context.refuse(`has ${size} points`);
    const round = context.int("periodic", 1) === 1 ? size : size - 1;
    const points = Array.from({ length: size }, (_, i) =>
      weights.reduce((sum, weight, k) => sum + weight * Math.cos((2 * Math.PI * k * i) / round), 0),
    );
    return knownTensor(points, { shape: [size], dtype: heldType(context) });
  };
}

/** Triangles over frequencies, as wide as an ear hears them apart. */
function melWeights(context: ImportContext): readonly Tensor[] {
  const [bands, size] = [context.known(0)?.[0] ?? 0, context.known(1)?.[0] ?? 0];
  if (bands < 0 || size < 0) throw context.refuse(`makes ${bands} bands of ${size} points`);
  return context.asItIs([{ shape: [Math.floor(size / 2) + 1, bands], dtype: heldType(context) }], {
    attributes: {},
  });
}

/** Numbers of the matrix of a Fourier transform. */
const MOST_WEIGHTS = 2 ** 23;

interface Transform {
  /** Points of the signal, and bins of its spectrum. */
  readonly points: number;
  readonly bins: number;
  readonly isInverse: boolean;
}

/**
 * The discrete Fourier transform over an axis as one product: exact, with a gradient, and for short signals fast.
 *
 * @param x - [..., points, parts]: real parts, or real and imaginary ones
 * @returns [..., bins, 2]
 */
function transformed(
  context: ImportContext,
  x: Tensor,
  { points, bins, isInverse }: Transform,
): Tensor {
  const parts = x.shape.at(-1) ?? 0;
  if (parts !== 1 && parts !== 2)
    throw context.refuse(
      `transforms [${x.shape.join(", ")}], whose last axis is not of 1 or 2 parts`,
    );
  const weights = points * parts * bins * 2;
  if (weights > MOST_WEIGHTS) throw context.refuse(`transforms ${points} points`);
  const matrix = new Float32Array(weights);
  for (let point = 0; point < points; point++) {
    for (let bin = 0; bin < bins; bin++) {
      // whole turns taken off while the numbers are whole
      const angle = (2 * Math.PI * ((point * bin) % points)) / points;
      const scale = isInverse ? 1 / points : 1;
      const [re, im] = [Math.cos(angle) * scale, Math.sin(angle) * (isInverse ? scale : -scale)];
      const at = (point * parts * bins + bin) * 2;
      matrix.set([re, im], at);
      if (parts === 2) matrix.set([-im, re], at + 2 * bins);
    }
  }
  const flat = x.reshape([-1, points * parts]);
  const spectrum = flat.matmul(tensor(matrix, { shape: [points * parts, 2 * bins] }));
  return spectrum.reshape([...x.shape.slice(0, -2), bins, 2]);
}

/** An axis cut, or filled up with zeros, until it has a length. */
function ofLength(x: Tensor, axis: number, length: number): Tensor {
  const missing = length - x.shape[axis]!;
  return missing < 0
    ? x.slice({ axis, start: 0, end: length })
    : x.pad({ axis, before: 0, after: missing });
}

function fourier(context: ImportContext): Tensor {
  const { opType, opset, input, int, known } = context;
  const x = input(0);
  const named = opset < 20 ? int("axis", 1) : (known(2)?.[0] ?? -2);
  const axis = resolveAxis(opType, named, x.rank);
  if (axis === x.rank - 1) throw context.refuse("transforms the axis of real and imaginary parts");
  const [isInverse, isHalf] = [int("inverse", 0) === 1, int("onesided", 0) === 1];
  const isReal = isInverse && isHalf;
  const points = known(1)?.[0] ?? (isReal ? 2 * (x.shape[axis]! - 1) : x.shape[axis]!);
  if (!(Number.isInteger(points) && points > 0))
    throw context.refuse(`transforms ${points} points`);
  const order = x.shape
    .map((_, i) => i)
    .toSpliced(axis, 1)
    .toSpliced(x.rank - 2, 0, axis);
  const half = Math.floor(points / 2) + 1;
  const given = ofLength(x.transpose(order), x.rank - 2, isReal ? half : points);
  const signal = isReal ? mirrored(given, points) : given;
  const bins = isHalf && !isInverse ? half : points;
  const spectrum = transformed(context, signal, { points, bins, isInverse });
  // what comes of a spectrum that mirrors itself is real
  const y = isReal ? spectrum.slice({ axis: x.rank - 1, start: 0, end: 1 }) : spectrum;
  return y.transpose(order.map((_, i) => order.indexOf(i)));
}

/** A whole spectrum from half of it: the other half is its mirror image, conjugate. */
function mirrored(half: Tensor, points: number): Tensor {
  const axis = half.rank - 2;
  const missing = points - half.shape[axis]!;
  if (missing === 0) return half;
  const rest = half.slice({ axis, start: 1, end: missing + 1 }).flip(axis);
  return half.concatWith([rest.mul(tensor([1, -1]))], axis);
}

/** Spectra of pieces of a signal, [batch, pieces, bins, 2]. */
function shortTime(context: ImportContext): Tensor {
  const { inputs, input, int, known, refuse } = context;
  const [x, window] = [input(0), inputs[2]];
  const step = known(1)?.[0] ?? 1;
  const points = inputs[3] === undefined ? window?.size : known(3)?.[0];
  const pieces = Math.floor((x.shape[1]! - (points ?? 0)) / step) + 1;
  const isWhole = [points, step].every(Number.isInteger) && x.rank === 3;
  if (points === undefined || !(isWhole && points > 0 && step > 0 && pieces > 0))
    throw refuse(`cuts pieces of ${points} in steps of ${step} from ${x.shape[1]} points`);
  const places = Array.from(
    { length: pieces * points },
    (_, i) => Math.floor(i / points) * step + (i % points),
  );
  const cut = x.gather(integers(places, [pieces, points]), { axis: 1 });
  const shown = window === undefined ? cut : cut.mul(window.reshape([points, 1]));
  const bins = int("onesided", 1) === 1 ? Math.floor(points / 2) + 1 : points;
  return transformed(context, shown, { points, bins, isInverse: false });
}

export const signal: ImportHandlers = {
  HannWindow: window([0.5, -0.5]),
  HammingWindow: window([25 / 46, -21 / 46]),
  BlackmanWindow: window([0.42, -0.5, 0.08]),
  MelWeightMatrix: melWeights,
  DFT: fourier,
  STFT: shortTime,
  Det: ({ input, asItIs }) => {
    const x = input(0);
    return asItIs([{ shape: x.shape.slice(0, -2), dtype: x.dtype }]);
  },
};
