// ModernBERT (Warner et al. 2024, arXiv:2412.13663): rotary positions, gated MLP, norms before the modules; two layers of three see
// only what is near.

import type { EncoderInputs } from "../network/encoder-input.ts";
import { pool } from "../network/pooling.ts";
import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionForm, AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { GatedMlpParams, NormParams } from "../nn/layers.ts";
import { embedding, gatedMlp, layerNorm } from "../nn/layers.ts";
import { nearbyKeys } from "../nn/masks.ts";
import { rotaryAngles, rotate } from "../nn/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { HeadParams } from "./encoder-heads.ts";
import { classEntries, encoderHead, vocabularyEntries } from "./encoder-heads.ts";
import type { EncoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import type { ModernBertConfig, ModernBertLayer } from "./modernbert-config.ts";
import { modernbertConfig } from "./modernbert-config.ts";
import { sequential } from "./residual.ts";

interface BlockParams {
  /** Absent in the first block, which reads normalised embeddings. */
  readonly ln1?: NormParams;
  readonly attn: AttentionParams;
  readonly ln2: NormParams;
  readonly mlp: GatedMlpParams;
}

/** Parameters of ModernBERT. Linear weights are [out, in]. */
interface ModernBertParams extends HeadParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  readonly lnEmbed: NormParams;
  readonly blocks: readonly BlockParams[];
  readonly lnFinal: NormParams;
}

/** Reads tokens into last hidden states, [batch, pos, dModel]. */
function modernbert(
  params: ModernBertParams,
  inputs: EncoderInputs,
  tap: Tap,
  config: ModernBertConfig,
): Tensor {
  const { embed } = params;
  const norm = layerNorm(config.epsilon);
  const formOf = attentionForms(inputs, config);
  const tokens = tap("embed", embedding(inputs.tokens, embed));
  let x = norm(tokens, params.lnEmbed, tap.in("ln_embed"));
  for (const [i, block] of params.blocks.entries()) {
    x = modernbertBlock(x, block, { config, form: formOf(i) }, tap.in(`blocks.${i}`));
  }
  const hidden = tap("hidden", norm(x, params.lnFinal, tap.in("ln_final")));
  const read = config.head === "classes" ? pool(hidden, inputs, [config.pooling]) : hidden;
  const activation = activationFunction(config.headActivation);
  encoderHead(read, params, { activation, norm, embed }, tap);
  return hidden;
}

interface BlockContext {
  readonly config: ModernBertConfig;
  readonly form: AttentionForm;
}

function modernbertBlock(
  x: Tensor,
  p: BlockParams,
  { config, form }: BlockContext,
  tap: Tap,
): Tensor {
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const { ln1 } = p;
  const layers = {
    ln1: (own: Tensor) => (ln1 === undefined ? own : norm(own, ln1, tap.in("ln1"))),
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
    mlp: (own: Tensor) => gatedMlp(own, p.mlp, activation, tap.in("mlp")),
  };
  return sequential(x, layers, tap);
}

/** How each layer attends; what layers share is traced once. */
function attentionForms(
  { positions, mask }: EncoderInputs,
  { nHeads, dHead, layers }: ModernBertConfig,
): (layer: number) => AttentionForm {
  const forms = new Map<string, AttentionForm>();
  const make = ({ reach, theta }: ModernBertLayer): AttentionForm => {
    const rates = Float32Array.from({ length: dHead / 2 }, (_, i) => theta ** ((-2 * i) / dHead));
    const angles = rotaryAngles(positions, rates);
    return {
      nHeads,
      dHead,
      rotate: (own) => rotate(own, angles),
      mask: reach === null ? mask : nearbyKeys(positions, reach, mask),
    };
  };
  return (layer) => {
    const own = layers[layer]!;
    const key = `${own.reach}/${own.theta}`;
    const form = forms.get(key) ?? make(own);
    forms.set(key, form);
    return form;
  };
}

const meanings: SiteMeanings = {
  "ln_embed.normalized": ["batch pos dModel", "token embedding, normalised, before gain and bias"],
  "ln_final.normalized": ["batch pos dModel", "last hidden states, before gain and bias"],
};

/** ModernBERT, with no head or one that predicts masked tokens, classes of texts or of tokens. */
export const modernbertFamily: EncoderFamily<ModernBertConfig> = {
  architectures: [
    "ModernBertModel",
    "ModernBertForMaskedLM",
    "ModernBertForSequenceClassification",
    "ModernBertForTokenClassification",
  ],
  kind: "encoder",
  config: modernbertConfig,
  optionalPrefix: "model.",
  // the head that predicts tokens, which other architectures of the same weights lack
  unused: /^(?:decoder|head)\./,
  forward: modernbert,
  layout: (config) => {
    const { nLayers, dModel, dMlp, dVocab, biases, head, ties } = config;
    const square = [dModel, dModel] as const;
    const norm = (path: string, name: string): ParamEntry[] =>
      normEntries(path, name, dModel, biases.norm);
    return [
      { path: "embed", name: "model.embeddings.tok_embeddings.weight", shape: [dVocab, dModel] },
      ...norm("lnEmbed", "model.embeddings.norm"),
      ...Array.from({ length: nLayers }, (_, i) => {
        const [to, from] = [`blocks.${i}`, `model.layers.${i}`];
        return [
          ...(i === 0 ? [] : norm(`${to}.ln1`, `${from}.attn_norm`)),
          ...beside(
            ["q", "k", "v"].map((own) =>
              linearEntries(`${to}.attn.${own}`, `${from}.attn.Wqkv`, square, biases.attn),
            ),
          ),
          ...linearEntries(`${to}.attn.o`, `${from}.attn.Wo`, square, biases.attn),
          ...norm(`${to}.ln2`, `${from}.mlp_norm`),
          ...beside(
            ["gate", "in"].map((own) =>
              linearEntries(`${to}.mlp.${own}`, `${from}.mlp.Wi`, [dModel, dMlp], biases.mlp),
            ),
          ),
          ...linearEntries(`${to}.mlp.out`, `${from}.mlp.Wo`, [dMlp, dModel], biases.mlp),
        ];
      }).flat(),
      ...norm("lnFinal", "model.final_norm"),
      ...(head === "none"
        ? []
        : [
            ...linearEntries("transform.dense", "head.dense", square, biases.head),
            ...norm("transform.ln", "head.norm"),
          ]),
      ...(head === "masked"
        ? vocabularyEntries(
            {
              weight: ties ? undefined : "decoder.weight",
              bias: biases.unembed ? "decoder.bias" : undefined,
            },
            { dModel, dVocab },
          )
        : []),
      ...classEntries(head, "classifier", config),
    ];
  },
  absent: {
    pos_embed: "rotary positions turn queries and keys, and nothing is added to the stream",
    token_type_embed: "it does not tell apart the texts of a pair",
    "ln1.normalized": "its first block reads the normalised embeddings as they are",
    pooler: "it has no pooler",
    logits: "its architecture has no head",
  },
  meanings,
};

/** Layers of one size whose rows lie behind one another in one layer of the file. */
function beside(layers: readonly (readonly ParamEntry[])[]): ParamEntry[] {
  return layers.flatMap((entries, i) =>
    entries.map((entry) => {
      const rows = entry.shape[0]!;
      return { ...entry, part: { start: i * rows, total: layers.length * rows } };
    }),
  );
}
