// Places as waves: numbers that are alike where places are near, and that turn by as much from any place to the next.

/** Which waves. */
export interface WavesOptions {
  /** How many numbers; even. */
  readonly size: number;
  /** How much longer the longest wave is than the shortest, whose length is 2 pi places. */
  readonly ratio: number;
}

/**
 * A place as the sines of some waves, and behind them their cosines.
 *
 * @param place - from 0
 * @returns `size` numbers from -1 to 1
 * @source Vaswani et al. 2017, arXiv:1706.03762, section 3.5
 */
export function waves(place: number, { size, ratio }: WavesOptions): number[] {
  const half = size / 2;
  const angles = Array.from({ length: half }, (_, i) => place * ratio ** (-i / half));
  return [...angles.map(Math.sin), ...angles.map(Math.cos)];
}

/**
 * What turns the waves of any place into those of the place `by` farther on: `waves(place + by)` is this matrix times `waves(place)`.
 *
 * @returns row after row, `size` times `size` numbers
 * @source Vaswani et al. 2017, arXiv:1706.03762, section 3.5: offsets are linear functions of waves
 */
export function waveTurn(by: number, { size, ratio }: WavesOptions): number[][] {
  const half = size / 2;
  const turns = waves(by, { size, ratio });
  return Array.from({ length: size }, (_, row) => {
    const wave = row % half;
    const [sin, cos] = [turns[wave]!, turns[wave + half]!];
    const numbers = Array.from({ length: size }, () => 0);
    numbers[wave] = row < half ? cos : -sin;
    numbers[wave + half] = row < half ? sin : cos;
    return numbers;
  });
}
