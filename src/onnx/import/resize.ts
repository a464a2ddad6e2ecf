// The gradient of resizing: each axis by itself is a linear map of its points, so that gradients go back through its transpose.

import { customGradient } from "../../tensor/control.ts";
import { tensor } from "../../tensor/ops/creation.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** How new points are made of old ones, in ONNX's words. */
export interface ResizeForm {
  readonly mode: string;
  /** Which place of the old axis a place of the new one is. */
  readonly coordinates: string;
  readonly nearest: string;
  /** Of the cubic polynomial. */
  readonly cubicA: number;
  /** Whether points beyond the ends count for nothing, instead of repeating the last. */
  readonly excludesOutside: boolean;
  readonly antialias: boolean;
}

/** An axis that is resized. */
export interface ResizedAxis {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

/** Elements above which the map of an axis is not written out. */
const MOST = 2 ** 24;

/**
 * A resized tensor with its gradient, where the form has one here.
 *
 * @param y - what `x` is resized to, without a gradient
 */
export function withResizeGradient(
  y: Tensor,
  x: Tensor,
  axes: readonly ResizedAxis[],
  form: ResizeForm,
): Tensor {
  const changed = axes.filter(({ from, to, scale }) => from !== to || scale !== 1);
  const isKnown =
    form.coordinates !== "tf_crop_and_resize" &&
    !form.antialias &&
    x.dtype === "float32" &&
    changed.every(({ from, to }) => from * to <= MOST);
  if (!isKnown) return y;
  const rule = ({ cotangent }: { readonly cotangent: Tensor }): readonly Tensor[] => [
    changed.reduce((g, axis) => alongAxis(g, axis.axis, mapOf(axis, form)), cotangent),
  ];
  return customGradient<[Tensor]>(() => y, rule)(x);
}

/** Multiplies the lines along an axis by a matrix [before, after]. */
function alongAxis(g: Tensor, axis: number, map: Tensor): Tensor {
  if (axis === g.rank - 1) return g.matmul(map);
  if (axis === g.rank - 2) return map.matmul(g, { transposeA: true });
  const order = g.shape
    .map((_, i) => i)
    .with(axis, g.rank - 1)
    .with(g.rank - 1, axis);
  return g.transpose(order).matmul(map).transpose(order);
}

/** What every new point takes of every old one: [to, from]. */
function mapOf(line: ResizedAxis, form: ResizeForm): Tensor {
  const { from, to } = line;
  const map = new Float32Array(from * to);
  for (let i = 0; i < to; i++) {
    const at = placeOf(line, form.coordinates, i);
    for (const [place, weight] of weightsAt(at, from, form)) map[i * from + place]! += weight;
  }
  return tensor(map, { shape: [to, from] });
}

/** Which place of the old axis place `i` of the new one is; rounded as the engine rounds, as the nearest point may hang on it. */
function placeOf({ from, to, scale }: ResizedAxis, coordinates: string, i: number): number {
  const { fround } = Math;
  const halfway = fround(fround((i + 0.5) / scale) - 0.5);
  switch (coordinates) {
    case "asymmetric":
      return fround(i / scale);
    case "align_corners":
      return to === 1 ? 0 : fround((i * (from - 1)) / (to - 1));
    case "pytorch_half_pixel":
      return to === 1 ? 0 : halfway;
    case "tf_half_pixel_for_nn":
      return fround((i + 0.5) / scale);
    case "half_pixel_symmetric":
      return fround((from / 2) * (1 - to / (scale * from)) + halfway);
    default:
      return halfway;
  }
}

type Weights = readonly (readonly [place: number, weight: number])[];

/** What a point at `at` takes of the old points. */
function weightsAt(at: number, from: number, form: ResizeForm): Weights {
  const inside = (place: number): number => Math.min(Math.max(place, 0), from - 1);
  if (form.mode === "nearest") return [[inside(nearest(at, form.nearest)), 1]];
  if (form.mode === "linear") {
    const place = inside(at);
    const low = Math.floor(place);
    return [
      [low, 1 - (place - low)],
      [inside(low + 1), place - low],
    ];
  }
  const low = Math.floor(at);
  const four = [-1, 0, 1, 2].map((i) => [low + i, cubic(at - low - i, form.cubicA)] as const);
  if (!form.excludesOutside) return four.map(([place, weight]) => [inside(place), weight]);
  const kept = four.filter(([place]) => place >= 0 && place < from);
  const total = kept.reduce((sum, [, weight]) => sum + weight, 0);
  return kept.map(([place, weight]) => [place, weight / total]);
}

function nearest(at: number, mode: string): number {
  switch (mode) {
    case "floor":
      return Math.floor(at);
    case "ceil":
      return Math.ceil(at);
    case "round_prefer_ceil":
      return Math.floor(at + 0.5);
    default:
      return Math.ceil(at - 0.5);
  }
}

/**
 * The cubic convolution kernel.
 *
 * @source Keys 1981, doi:10.1109/TASSP.1981.1163711, eq. (4)
 */
function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}
