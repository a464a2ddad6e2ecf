/**
 * Finds the largest values without sorting the rest: a heap of the best so far, whose root is the one to beat.
 *
 * @param count - how many, at least 1; more than there are gives all
 * @returns their indices, the largest first and the smaller index first among equals
 */
export function largest(values: ArrayLike<number>, count: number): Int32Array {
  const size = Math.min(count, values.length);
  const heap = Int32Array.from({ length: size }, (_, i) => i);
  const isBetter = (a: number, b: number): boolean =>
    values[a]! > values[b]! || (values[a] === values[b] && a < b);
  const sink = (item: number, from: number): void => {
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isBetter(heap[child]!, heap[child + 1]!)) child++;
      if (!isBetter(item, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  };
  for (let i = (size >> 1) - 1; i >= 0; i--) sink(heap[i]!, i);
  for (let i = size; i < values.length; i++) if (values[i]! > values[heap[0]!]!) sink(i, 0);
  return heap.toSorted((a, b) => values[b]! - values[a]! || a - b);
}

/** Finds the largest value, the first of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
