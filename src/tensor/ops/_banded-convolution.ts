// Depthwise convolutions of narrow images as matrix products. A row of the result is the rows of the input that its windows meet, side by
// side, times a band: a matrix that holds the kernel of a channel, one column further down for every column of the result. Most of the
// band is zeros, but a product of matrices runs so much faster than a convolution of single channels that it pays up to some width. A value
// that is not finite makes NaN of all that its row of the image gives.

import { fromHost } from "../leaf.ts";
import type { Tensor } from "../tensor.ts";
import type { ConvAttrs } from "./_conv-lowering.ts";
import { windows } from "./_windows.ts";

// Measured on one thread: 5 x 5 and 7 x 7 kernels run 1.0 to 2.7 times as fast on images up to 16 wide and 0.2 to 1.1 times on those of
// 28 and more; 3 x 3 kernels, which the engine has code for, gain nothing. Gradients of 7 x 7 run 2 to 7 times as fast.
const MOST_COLUMNS = 16;
const LEAST_KERNEL = 5;

/** Whether a convolution is one of single channels of images, and narrow enough to be faster as matrix products. */
export function isNarrow(x: Tensor, w: Tensor, { groups }: ConvAttrs): boolean {
  const [, channels, , columns = 0] = x.shape;
  const [out, perGroup, , wide = 0] = w.shape;
  const isDepthwise = perGroup === 1 && groups === channels && groups === out;
  return x.rank === 4 && isDepthwise && columns <= MOST_COLUMNS && wide >= LEAST_KERNEL;
}

/**
 * The convolution of a narrow image.
 *
 * @param x - [batch, channel, height, width]
 * @param w - [channel, 1, kernelHeight, kernelWidth]
 * @returns [batch, channel, windowsDown, windowsAcross]
 * @throws PatchClampError `SHAPE_MISMATCH` when the kernel is larger than the padded image
 */
export function bandedConvolution(x: Tensor, w: Tensor, attrs: ConvAttrs): Tensor {
  const [batch = 0, channels = 0, ...space] = x.shape;
  const [high = 0, wide = 0] = w.shape.slice(2);
  const [down = 0, across = 0] = windows("conv2d", space, [high, wide], attrs);
  const { before, after, stride, dilation } = attrs;
  const padded = x.transpose([1, 0, 2, 3]).pad({ axis: 2, before: before[0]!, after: after[0]! });
  const met = Array.from({ length: high }, (_, i) => {
    const start = i * dilation[0]!;
    const end = start + (down - 1) * stride[0]! + 1;
    return padded.slice({ axis: 2, start, end, step: stride[0]! });
  });
  const rows = met[0]!.concatWith(met.slice(1), 3).reshape([channels, batch * down, -1]);
  const band = w.reshape([-1, wide]).matmul(diagonals(space[1]!, wide, across, attrs));
  return rows
    .matmul(band.reshape([channels, -1, across]))
    .reshape([channels, batch, down, across])
    .transpose([1, 0, 2, 3]);
}

/** Where each column of a kernel stands in a band: 1 for the columns of image and result that meet in it, [wide, columns * across]. */
function diagonals(
  columns: number,
  wide: number,
  across: number,
  { before, stride, dilation }: ConvAttrs,
): Tensor {
  const data = new Float32Array(wide * columns * across);
  for (let k = 0; k < wide; k++) {
    for (let to = 0; to < across; to++) {
      const from = to * stride[1]! + k * dilation[1]! - before[1]!;
      if (from >= 0 && from < columns) data[(k * columns + from) * across + to] = 1;
    }
  }
  return fromHost(data, { shape: [wide, columns * across], dtype: "float32" }, "diagonals");
}
