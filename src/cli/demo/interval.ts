/** A share with the ends of an interval around it, all in 0..1. */
export interface ShareInterval {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/**
 * A share and its 95 % score interval, which stays inside 0..1 and has width at both ends.
 *
 * @param hits - how many of `total` had it; `total` is at least 1
 * @source Wilson 1927, JASA 22(158), "Probable inference, the law of succession, and statistical inference"
 */
export function wilson(hits: number, total: number): ShareInterval {
  const z = 1.959964; // 97.5 % point of the normal distribution
  const share = hits / total;
  const centre = (share + z ** 2 / (2 * total)) / (1 + z ** 2 / total);
  const half =
    (z / (1 + z ** 2 / total)) *
    Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  // at 0 and 1 the end is the share itself, up to rounding
  return { share, low: hits === 0 ? 0 : centre - half, high: hits === total ? 1 : centre + half };
}
