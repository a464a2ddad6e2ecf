import { sizeOf } from "../tensor/tensor.ts";
import type { Numbers } from "./numbers.ts";

/**
 * The numbers of every row in one array that broadcasts against a site.
 *
 * @param parts - of each row, all of one shape; undefined, for a row that has none, counts as zeros. One part serves all rows
 * @param rank - number of axes of the site, its batch axis first
 * @returns the part as it is where there is one; else [row, 1, ..., shape of a part], of the site's rank
 */
export function stacked(parts: readonly (Numbers | undefined)[], rank: number): Numbers {
  if (parts.length === 1) return parts[0]!;
  const { shape } = parts.find((part) => part !== undefined)!;
  const size = sizeOf(shape);
  const data = new Float32Array(parts.length * size);
  for (const [row, part] of parts.entries())
    if (part !== undefined) data.set(part.data, row * size);
  const between = Array.from({ length: rank - 1 - shape.length }, () => 1);
  return { shape: [parts.length, ...between, ...shape], data };
}
