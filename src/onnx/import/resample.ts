// Operators that read images between their points. ONNX Runtime computes them as they stand.

import { stack } from "../../tensor/ops/joining.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ForeignForm } from "./foreign.ts";
import type { ImportContext, ImportHandlers } from "./handler.ts";
import type { ResizedAxis } from "./resize.ts";
import { withResizeGradient } from "./resize.ts";
import { axesOf } from "./shapes.ts";

/** What becomes of the sizes of an image. */
interface Plan {
  readonly axes: readonly ResizedAxis[];
  readonly shape: readonly number[];
  readonly scales: readonly number[] | undefined;
}

function resized(context: ImportContext): Tensor {
  const { opset, inputs, input, text, float, int, asItIs, refuse } = context;
  const x = input(0);
  const { axes, shape, scales } = planOf(context, x);
  if (shape.some((size) => !Number.isInteger(size) || size < 0))
    throw refuse(`makes [${shape.join(", ")}] of [${x.shape.join(", ")}]`);
  // the first versions had one way to go from places to places
  const isOld = opset < 11;
  const coordinates = isOld ? "asymmetric" : text("coordinate_transformation_mode", "half_pixel");
  const nearest = isOld ? "floor" : text("nearest_mode", "round_prefer_floor");
  const mode = text("mode", "nearest");
  // the engine puts corners on those of the whole size, the specification on those of the size before it is cut
  if (coordinates === "align_corners" && axes.some(({ from, to, scale }) => to !== from * scale))
    throw refuse("puts corners on corners of a size that is not whole");
  const old: ForeignForm = {
    opType: "Resize",
    inputs: [x, undefined, tensor(Float32Array.from(scales ?? []))],
    attributes: { mode, coordinate_transformation_mode: coordinates, nearest_mode: nearest },
  };
  const given = inputs.map((one) => (one?.size === 0 ? undefined : one));
  const [y] = asItIs([{ shape, dtype: x.dtype }], isOld ? old : { inputs: given });
  return withResizeGradient(y!, x, axes, {
    mode,
    coordinates,
    nearest,
    cubicA: float("cubic_coeff_a", -0.75),
    excludesOutside: int("exclude_outside", 0) === 1,
    antialias: int("antialias", 0) === 1,
  });
}

function planOf(context: ImportContext, x: Tensor): Plan {
  const { opset, inputs, ints, floats, known, text } = context;
  const named = axesOf(context, ints("axes") ?? x.shape.map((_, i) => i), x.rank);
  const at = opset < 11 ? 1 : 2;
  const isScaled = inputs[at] !== undefined && inputs[at].size > 0;
  const scales = opset < 9 ? floats("scales") : isScaled ? known(at) : undefined;
  const wanted = scales === undefined ? (known(3) ?? []) : [];
  const given = scales ?? wanted;
  // ONNX Runtime writes beyond its memory where there are more
  if (given.length !== named.length)
    throw context.refuse(`has ${given.length} sizes or scales for ${named.length} axes`);
  const ratios = named.map((axis, i) => wanted[i]! / x.shape[axis]!);
  const policy = text("keep_aspect_ratio_policy", "stretch");
  const ratio = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const axes = named.map((axis, i): ResizedAxis => {
    const from = x.shape[axis]!;
    const scale = scales?.[i];
    // in float32, as the engine multiplies
    if (scale !== undefined)
      return { axis, from, to: Math.floor(Math.fround(from * scale)), scale };
    if (policy === "stretch") return { axis, from, to: wanted[i]!, scale: ratios[i]! };
    // halves up, as the specification rounds
    return { axis, from, to: Math.floor(from * ratio + 0.5), scale: ratio };
  });
  const size = new Map(axes.map(({ axis, to }) => [axis, to]));
  return { axes, scales, shape: x.shape.map((own, axis) => size.get(axis) ?? own) };
}

/** Names of one way to read between points, before version 20 and since. */
const GRID_MODES: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };

function gridSampled({ input, int, text, asItIs }: ImportContext): readonly Tensor[] {
  const [x, grid] = [input(0), input(1)];
  const mode = text("mode", "linear");
  return asItIs([{ shape: [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)], dtype: x.dtype }], {
    attributes: {
      align_corners: int("align_corners", 0),
      padding_mode: text("padding_mode", "zeros"),
      mode: GRID_MODES[mode] ?? mode,
    },
  });
}

/** Where the points of a new image come from, [batch, ...places, axes], under a linear map of each image. */
function affineGrid({ input, known, int, refuse }: ImportContext): Tensor {
  const theta = input(0);
  const places = (known(1) ?? []).slice(2);
  const isCornered = int("align_corners", 0) === 1;
  if (theta.rank !== 3 || theta.shape[2] !== places.length + 1)
    throw refuse(`maps [${theta.shape.join(", ")}] onto ${places.length} axes`);
  // the last axis comes first: x before y before z
  const count = places.reduce((a, b) => a * b, 1);
  if (!(count <= 2 ** 24 && places.every((size) => size >= 0)))
    throw refuse(`makes a grid of [${places.join(", ")}]`);
  const columns = places.map((size, axis) => {
    const inner = places.slice(axis + 1).reduce((a, b) => a * b, 1);
    const at = (i: number): number => Math.floor(i / inner) % size;
    return tensor(
      Float32Array.from({ length: count }, (_, i) =>
        isCornered ? (2 * at(i)) / Math.max(size - 1, 1) - 1 : (2 * at(i) + 1) / size - 1,
      ),
    );
  });
  const one = tensor(new Float32Array(count).fill(1));
  const points = stack([...columns.toReversed(), one], { axis: 1 });
  const grid = points.matmul(theta, { transposeB: true });
  return grid.reshape([theta.shape[0]!, ...places, places.length]);
}

/** Points along each side of a part of a region that are read. */
const MOST_SAMPLES = 1024;

function regions(context: ImportContext): readonly Tensor[] {
  const { opset, input, int, text, float, asItIs, refuse } = context;
  const [x, boxes, batch] = [input(0), input(1), input(2)];
  const [rows, columns] = [int("output_height", 1), int("output_width", 1)];
  const samples = int("sampling_ratio", 0);
  // of numbers of 64 bits ONNX Runtime reads 32
  if (!(samples >= 0 && samples <= MOST_SAMPLES)) throw refuse(`reads ${samples} points each`);
  const mode = opset < 16 ? "output_half_pixel" : "half_pixel";
  return asItIs([{ shape: [boxes.shape[0]!, x.shape[1]!, rows, columns], dtype: x.dtype }], {
    inputs: [x, boxes, batch.cast("int64")],
    attributes: {
      coordinate_transformation_mode: text("coordinate_transformation_mode", mode),
      mode: text("mode", "avg"),
      output_height: rows,
      output_width: columns,
      sampling_ratio: samples,
      spatial_scale: { float: float("spatial_scale", 1) },
    },
  });
}

/** Columns of patches put back where they came from, added up where they overlap. */
function columnsToImage({ input, known, asItIs }: ImportContext): readonly Tensor[] {
  const x = input(0);
  const [image, block] = [known(1) ?? [], known(2) ?? []];
  const channels = x.shape[1]! / block.reduce((a, b) => a * b, 1);
  return asItIs([{ shape: [x.shape[0]!, channels, ...image], dtype: x.dtype }]);
}

export const resample: ImportHandlers = {
  Resize: resized,
  Upsample: resized,
  GridSample: gridSampled,
  AffineGrid: affineGrid,
  RoiAlign: regions,
  Col2Im: columnsToImage,
};
