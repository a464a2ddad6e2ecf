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
