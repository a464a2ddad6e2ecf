// Weights and prompts that both sides of a comparison make for themselves: value i of a tensor is a hash of the tensor's
// name and i, so TypeScript and `peers/peer.py` hold the same bits without a file between them, and their results can
// be compared as well as their times.

/** A network's sizes. */
export interface Shape {
  readonly nLayers: number;
  readonly dModel: number;
  readonly nHeads: number;
  readonly dMlp: number;
  readonly dVocab: number;
  readonly nCtx: number;
}

export const GPT2_SMALL: Shape = {
  nLayers: 12,
  dModel: 768,
  nHeads: 12,
  dMlp: 3072,
  dVocab: 50257,
  nCtx: 1024,
};

export const TRAINED: Shape = {
  nLayers: 6,
  dModel: 256,
  nHeads: 8,
  dMlp: 1024,
  dVocab: 4096,
  nCtx: 128,
};

/** A named tensor: linear weights are [in, out], as GPT-2 checkpoints store them. */
export interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Standard deviation of GPT-2's initial weights (Radford et al. 2019). */
const SPREAD = 0.02;

/** Names and sizes of a GPT-2 checkpoint, in the order of its layers; the unembedding is the embedding. */
export function gpt2Tensors(
  shape: Shape,
): readonly (readonly [name: string, dims: readonly number[]])[] {
  const { nLayers, dModel: d, dMlp, dVocab, nCtx } = shape;
  const norm = (name: string) =>
    [
      [`${name}.weight`, [d]],
      [`${name}.bias`, [d]],
    ] as const;
  const linear = (name: string, from: number, to: number) =>
    [
      [`${name}.weight`, [from, to]],
      [`${name}.bias`, [to]],
    ] as const;
  const block = (i: number) => [
    ...norm(`h.${i}.ln_1`),
    ...linear(`h.${i}.attn.c_attn`, d, 3 * d),
    ...linear(`h.${i}.attn.c_proj`, d, d),
    ...norm(`h.${i}.ln_2`),
    ...linear(`h.${i}.mlp.c_fc`, d, dMlp),
    ...linear(`h.${i}.mlp.c_proj`, dMlp, d),
  ];
  const blocks = Array.from({ length: nLayers }, (_, i) => block(i)).flat();
  return [["wte.weight", [dVocab, d]], ["wpe.weight", [nCtx, d]], ...blocks, ...norm("ln_f")];
}

/** Weights that are made when they are asked for, and not kept. */
export interface Weights {
  readonly shape: Shape;
  readonly names: readonly string[];
  /** The same bits at every call. */
  readonly get: (name: string) => Weight;
}

/** The weights of a network of this shape, always the same ones. */
export function gpt2Weights(shape: Shape): Weights {
  const sizes = new Map(gpt2Tensors(shape));
  return {
    shape,
    names: [...sizes.keys()],
    get: (name) => {
      const dims = sizes.get(name)!;
      return { name, dims, data: hashedTensor(name, dims, shape.nLayers) };
    },
  };
}

/** Whether this is a matrix of a linear layer. */
export function isLinear(name: string): boolean {
  return /\.c_\w+\.weight$/.test(name);
}

/** A matrix [in, out] as [out, in], the layout in which ONNX Runtime multiplies fastest. */
export function transposed({ data, dims }: Weight): Float32Array {
  const [from, to] = dims as [number, number];
  const turned = new Float32Array(data.length);
  for (let i = 0; i < from; i++) {
    for (let j = 0; j < to; j++) turned[j * from + i] = data[i * to + j]!;
  }
  return turned;
}

/**
 * Token ids that look random.
 *
 * @param name - which prompt
 * @param count - how many tokens
 * @param dVocab - ids are in 0..dVocab-1
 */
export function prompt(name: string, count: number, dVocab: number): number[] {
  const seed = fnv1a(name);
  return Array.from({ length: count }, (_, i) => lowbias32((i ^ seed) >>> 0) % dVocab);
}

/** Uniform values in low..high, the same for a name at every call. */
export function hashedNumbers(
  name: string,
  count: number,
  low: number,
  high: number,
): Float32Array {
  const seed = fnv1a(name);
  return Float32Array.from(
    { length: count },
    (_, i) => low + (high - low) * (lowbias32((i ^ seed) >>> 0) / 2 ** 32),
  );
}

/** Uniform values of GPT-2's initial spread; gains are centred on 1, and layers that write to the stream are smaller. */
function hashedTensor(name: string, dims: readonly number[], nLayers: number): Float32Array {
  const seed = fnv1a(name);
  const isGain = /ln_(1|2|f)\.weight$/.test(name);
  const writes = name.endsWith("c_proj.weight");
  const std = writes ? SPREAD / Math.sqrt(2 * nLayers) : SPREAD;
  const width = Math.fround(std * Math.sqrt(12));
  const centre = isGain ? 1 : 0;
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    const unit = (lowbias32((i ^ seed) >>> 0) >>> 8) * 2 ** -24 - 0.5;
    data[i] = Math.fround(unit * width) + centre;
  }
  return data;
}

/** A 32-bit integer hash (C. Wellons, Hash Prospector, 2018). */
function lowbias32(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A 32-bit hash of ASCII text (Fowler, Noll and Vo, variant 1a). */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
