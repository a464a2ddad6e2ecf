// A network whose truth is known: one direction tells two kinds of words apart, and another one, at right angles to it, decides what is
// said next.

import {
  wordTokenizerConfig,
  wordTokenizerJson,
} from "../src/checkpoints/tokenizer/word-tokenizer.ts";
import { makeTokenizer } from "../src/checkpoints/tokenizer/tokenizer.ts";
import { Rng } from "../src/core/rng.ts";
import { LanguageNetwork } from "../src/network/language.ts";
import { tensor } from "../src/runtime/index.ts";
import type { Tensor } from "../src/runtime/index.ts";
import { orthogonalise } from "../src/values/index.ts";

const WIDTH = 24;
const WORDS = 60;

/** A planted network, with the directions that were planted in it. */
export interface Planted {
  readonly net: LanguageNetwork;
  /** Activations of `up0`, `up1` ... lie this far along from the middle, those of `down0` ... as far the other way. */
  readonly read: Float32Array;
  /** What lies along it makes `good` likelier and `bad` less likely. */
  readonly act: Float32Array;
  /** Texts of one word of each kind, in pairs that share what is no matter. */
  readonly texts: { readonly positive: readonly string[]; readonly negative: readonly string[] };
}

/**
 * Makes the network. Its one site beside the logits is `blocks.0.resid_post`, the embedding of each word.
 *
 * @param spread - deviation of what the words of a pair do not share, along each axis
 */
export function plantedNetwork(seed: number, spread = 0.3): Planted {
  const rng = new Rng(seed);
  const read = rng.split("read").normals(WIDTH);
  const act = orthogonalise(rng.split("act").normals(WIDTH), [read]);
  const numbers = Array.from({ length: WORDS }, (_, i) => i);
  const kinds = ["up", "down"] as const;
  const words = [...kinds.flatMap((kind) => numbers.map((i) => `${kind}${i}`)), "good", "bad"];
  const rows = kinds.flatMap((kind, k) =>
    numbers.map((i) => {
      const shared = rng.split(`shared ${i}`).normals(WIDTH);
      const own = rng.split(`${kind} ${i}`).normals(WIDTH);
      return read.map((x, unit) => (k === 0 ? x : -x) + shared[unit]! + spread * own[unit]!);
    }),
  );
  const specials = Array.from({ length: 4 }, () => new Float32Array(WIDTH));
  const answers = [rng.split("good").normals(WIDTH), rng.split("bad").normals(WIDTH)];
  const embedding = [...specials, ...rows, ...answers].map((row) => Array.from(row));
  const unembedding = embedding.map((_, id) => {
    const answer = id - specials.length - rows.length;
    return Array.from(act, (x) => (answer === 0 ? x : answer === 1 ? -x : 0));
  });
  const dVocab = embedding.length;
  const net = new LanguageNetwork({
    name: "planted",
    config: { nLayers: 1, nHeads: 1, dModel: WIDTH, dHead: WIDTH, dVocab, nCtx: 16 },
    params: { embedding: tensor(embedding), unembedding: tensor(unembedding) },
    forward: (params: Record<"embedding" | "unembedding", Tensor>, { tokens }, tap) => {
      const x = tap("blocks.0.resid_post", params.embedding.gather(tokens));
      return tap("logits", x.matmul(params.unembedding, { transposeB: true }));
    },
    tokenizer: makeTokenizer("planted", wordTokenizerJson(words), wordTokenizerConfig()),
  });
  const texts = {
    positive: numbers.map((i) => `up${i}`),
    negative: numbers.map((i) => `down${i}`),
  };
  return { net, read, act, texts };
}
