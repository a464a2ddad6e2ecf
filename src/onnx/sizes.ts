// Which sizes a whole number is made of, when it is known at several choices of them.

/** Sizes by name. */
export type Sizes = Readonly<Record<string, number>>;

/** factor * (a product or a sum of sizes) + plus. */
export interface Size {
  readonly factor: number;
  /** Of the sizes; none says that the number is `factor`. */
  readonly names: readonly string[];
  /** Whether the sizes are added, not multiplied. */
  readonly sum: boolean;
  readonly plus: number;
}

/**
 * Finds the simplest form that gives all values: a constant, a multiple of a product of sizes, or a sum of sizes and a constant.
 *
 * @param values - the number at each choice
 * @param sizes - the choices; with large primes, only one form fits
 * @returns undefined where none of these forms fits
 */
export function solveSize(values: readonly number[], sizes: readonly Sizes[]): Size | undefined {
  const [first] = values;
  if (values.every((value) => value === first))
    return { factor: first!, names: [], sum: false, plus: 0 };
  const subsets = subsetsOf(Object.keys(sizes[0]!));
  for (const names of subsets) {
    const products = sizes.map((own) => names.reduce((product, name) => product * own[name]!, 1));
    const factor = first! / products[0]!;
    const fits = values.every((value, i) => value === factor * products[i]!);
    if (fits && Number.isInteger(factor)) return { factor, names, sum: false, plus: 0 };
  }
  for (const names of subsets) {
    const sums = sizes.map((own) => names.reduce((sum, name) => sum + own[name]!, 0));
    // the factor follows from how the number grows, the constant from where it starts
    const factor = (values[1]! - first!) / (sums[1]! - sums[0]!);
    const plus = first! - factor * sums[0]!;
    const fits = values.every((value, i) => value === factor * sums[i]! + plus);
    if (fits && Number.isInteger(factor)) return { factor, names, sum: true, plus };
  }
  return undefined;
}

/** All choices of names but the empty one, small ones first. */
function subsetsOf(names: readonly string[]): string[][] {
  const all = Array.from({ length: 2 ** names.length - 1 }, (_, bits) =>
    names.filter((_name, i) => ((bits + 1) >> i) & 1),
  );
  return all.toSorted((a, b) => a.length - b.length);
}
