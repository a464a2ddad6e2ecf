// The weights of golden checkpoints, made from their names by the same arithmetic as in common.py.

/** How the weights of a checkpoint were made: shape, mean and spread of every tensor. */
export type WeightRecipe = Readonly<
  Record<string, readonly [shape: readonly number[], mean: number, spread: number]>
>;

/** Every tensor of a recipe, uniform in mean ± spread. */
export function madeUp(
  recipe: WeightRecipe,
  seed: string,
): Record<string, { shape: readonly number[]; data: Float32Array }> {
  return Object.fromEntries(
    Object.entries(recipe).map(([name, [shape, mean, spread]]) => {
      const key = fnv1a(`${seed}/${name}`);
      const count = shape.reduce((product, size) => product * size, 1);
      const data = Float32Array.from(
        { length: count },
        (_, i) => mean + spread * (mixed(mixed(i) ^ key) / 2 ** 31 - 1),
      );
      return [name, { shape, data }];
    }),
  );
}

/** A bijection of 32-bit numbers that looks random (lowbias32). */
function mixed(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

function fnv1a(text: string): number {
  let key = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) key = Math.imul(key ^ byte, 0x01000193);
  return key >>> 0;
}
