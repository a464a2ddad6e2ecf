// Resampling along one axis: which inputs every output reads, and with which weights. On two axes it is done one after the other.

/** What one output reads: neighbouring inputs from `start` on, with weights that sum to 1. */
export interface Reading {
  readonly start: number;
  readonly weights: readonly number[];
}

/** A kernel of resampling: even, 0 from `reach` on. */
export interface ResamplingFilter {
  /** In inputs, or in outputs where there are fewer of them. */
  readonly reach: number;
  readonly at: (x: number) => number;
}

/** Weights fall to 0 in a straight line. */
export const bilinear: ResamplingFilter = { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

/** Cubic convolution with its free number at -0.5, as Pillow has it. */
export const bicubic: ResamplingFilter = cubic(-0.5);

/**
 * Cubic convolution.
 *
 * @param a - slope of the kernel at distance 1
 * @source Keys 1981, doi:10.1109/TASSP.1981.1163711, eq. (4)
 */
function cubic(a: number): ResamplingFilter {
  const at = (x: number): number => {
    const d = Math.abs(x);
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
  };
  return { reach: 2, at };
}

/**
 * Resampling in which, where there are fewer outputs than inputs, every input counts, as Pillow does it.
 *
 * @param from - number of inputs
 * @param to - number of outputs
 */
export function antialiased(filter: ResamplingFilter, from: number, to: number): Reading[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = filter.reach * stretch;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(from, Math.trunc(center + reach + 0.5));
    const raw = Array.from({ length: end - start }, (__, j) =>
      filter.at((start + j - center + 0.5) / stretch),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { start, weights: raw.map((weight) => weight / sum) };
  });
}

/**
 * Bicubic interpolation at points, as PyTorch does it when it is not told to care for aliasing: four inputs for every output, of which
 * those beyond the border are the border's own.
 */
export function interpolated(from: number, to: number): Reading[] {
  const kernel = cubic(-0.75);
  return Array.from({ length: to }, (_, i) => {
    const place = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(place) - 1;
    const inside = [0, 1, 2, 3].map((j) => Math.min(from - 1, Math.max(0, first + j)));
    const start = inside[0]!;
    const weights = Array.from({ length: inside[3]! - start + 1 }, () => 0);
    for (const [j, input] of inside.entries())
      weights[input - start]! += kernel.at(place - first - j);
    return { start, weights };
  });
}

/** Resampling as a matrix, [to, from], in row-major order. */
export function asMatrix(readings: readonly Reading[], from: number): Float32Array {
  const matrix = new Float32Array(readings.length * from);
  for (const [i, { start, weights }] of readings.entries()) matrix.set(weights, i * from + start);
  return matrix;
}
