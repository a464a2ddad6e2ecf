// BERT (Devlin et al. 2018, arXiv:1810.04805), RoBERTa (Liu et al. 2019, arXiv:1907.11692), XLM-RoBERTa and DistilBERT (Sanh et al.
// 2019, arXiv:1910.01108): learned positions, a stream that is normalised after every module. MiniLM and most networks of
// sentence-transformers are BERTs.

import type { EncoderInputs } from "../network/encoder-input.ts";
import { firstToken } from "../network/pooling.ts";
import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { AttentionParams } from "../nn/attention.ts";
import { attention } from "../nn/attention.ts";
import type { ActivationFunction, LinearParams, MlpParams, NormParams } from "../nn/layers.ts";
import { embedding, layerNorm, linear, mlp } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./bert-config.ts";
import { bertConfig, distilbertConfig, robertaConfig } from "./bert-config.ts";
import type { HeadParams } from "./encoder-heads.ts";
import { classEntries, encoderHead, vocabularyEntries } from "./encoder-heads.ts";
import type { EncoderFamily, ParamEntry } from "./family.ts";
import { activationFunction, linearEntries, normEntries } from "./family.ts";
import { normalisedAfter, normalisedAfterMeanings } from "./residual.ts";

interface BlockParams {
  readonly attn: AttentionParams;
  readonly ln1: NormParams;
  readonly mlp: MlpParams;
  readonly ln2: NormParams;
}

/** Parameters of BERT and its relatives. Linear weights are [out, in]. */
export interface BertParams extends HeadParams {
  /** [dVocab, dModel] */
  readonly embed: Tensor;
  /** [firstPosition + nCtx, dModel] */
  readonly posEmbed: Tensor;
  /** [nTypes, dModel]; absent where texts of a pair are not told apart. */
  readonly typeEmbed?: Tensor;
  readonly lnEmbed: NormParams;
  readonly blocks: readonly BlockParams[];
  /** Reads the first token's last hidden state, for the text as a whole. */
  readonly pooler?: LinearParams;
}

/** Reads tokens into last hidden states, [batch, pos, dModel], with the activation function of the pooler. */
function bert(
  poolerActivation: ActivationFunction,
): (params: BertParams, inputs: EncoderInputs, tap: Tap, config: BertConfig) => Tensor {
  return (params, inputs, tap, config) => {
    const { embed, typeEmbed, pooler } = params;
    const norm = layerNorm(config.epsilon);
    const rows = inputs.positions.add(config.firstPosition);
    const tokens = tap("embed", embedding(inputs.tokens, embed));
    const placed = tokens.add(tap("pos_embed", embedding(rows, params.posEmbed)));
    const typed =
      typeEmbed === undefined
        ? placed
        : placed.add(tap("token_type_embed", embedding(inputs.types, typeEmbed)));
    let x = norm(typed, params.lnEmbed, tap.in("ln_embed"));
    for (const [i, block] of params.blocks.entries()) {
      x = bertBlock(x, block, { inputs, config }, tap.in(`blocks.${i}`));
    }
    const hidden = tap("hidden", x);
    const read =
      pooler === undefined
        ? hidden
        : tap("pooler", poolerActivation(linear(firstToken(hidden), pooler)));
    const activation = activationFunction(config.headActivation);
    encoderHead(read, params, { activation, norm, embed }, tap);
    return hidden;
  };
}

function bertBlock(
  x: Tensor,
  p: BlockParams,
  { inputs, config }: { readonly inputs: EncoderInputs; readonly config: BertConfig },
  tap: Tap,
): Tensor {
  const { nHeads, dHead } = config;
  const norm = layerNorm(config.epsilon);
  const activation = activationFunction(config.activation);
  const form = { nHeads, dHead, mask: inputs.mask };
  const layers = {
    attn: (own: Tensor) => attention(own, p.attn, form, tap.in("attn")),
    ln1: (own: Tensor) => norm(own, p.ln1, tap.in("ln1")),
    mlp: (own: Tensor) => mlp(own, p.mlp, activation, tap.in("mlp")),
    ln2: (own: Tensor) => norm(own, p.ln2, tap.in("ln2")),
  };
  return normalisedAfter(x, layers, tap);
}

// the stream itself is normalised, so that these are not what they are in a decoder
const meanings: SiteMeanings = {
  token_type_embed: ["batch pos dModel", "embedding of which text of a pair a token belongs to"],
  "ln_embed.normalized": ["batch pos dModel", "the sum of embeddings, before gain and bias"],
  ...normalisedAfterMeanings,
  "blocks.{i}.attn.q": ["batch pos head dHead", "queries"],
  "blocks.{i}.attn.k": ["batch pos head dHead", "keys"],
  "blocks.{i}.mlp.pre": ["batch pos dMlp", "hidden units before the activation function"],
};

const absent = {
  "attn.rot_q": "its positions are learned, and nothing is rotated",
  "attn.rot_k": "its positions are learned, and nothing is rotated",
  "mlp.gate": "its MLP has no gates",
  "ln_final.normalized": "the norm of its last block is the last one",
  normalized_resid_post: "its resid_post is the stream after the norm",
  logits: "its architecture has no head",
  pooler: "the checkpoint has no pooler, or its head reads every position",
  token_type_embed: "it does not tell apart the texts of a pair",
};

/** Where the modules of a relative lie. */
interface Names {
  readonly body: string;
  readonly blocks: string;
  /** Parts of a block, by their place in the tree. */
  readonly parts: Readonly<Record<"q" | "k" | "v" | "o" | "ln1" | "in" | "out" | "ln2", string>>;
  /** The head that predicts tokens: its layers, and the last one's bias where the matrix is tied or not. */
  readonly masked: Readonly<Record<"dense" | "ln" | "decoder" | "tiedBias", string>>;
  /** The layer that a pooler has, by head; undefined where there is none. */
  readonly pooler: (head: BertConfig["head"]) => string | undefined;
  readonly classifier: (head: BertConfig["head"]) => string;
}

function bertLayout(names: Names): (config: BertConfig) => ParamEntry[] {
  return (config) => {
    const { nLayers, dModel, dMlp, nTypes, nCtx, firstPosition, head } = config;
    const at = `${names.body}.embeddings`;
    const square = [dModel, dModel] as const;
    const pooler = names.pooler(head);
    const table = (path: string, name: string, rows: number): ParamEntry => ({
      path,
      name: `${at}.${name}_embeddings.weight`,
      shape: [rows, dModel],
    });
    return [
      table("embed", "word", config.dVocab),
      table("posEmbed", "position", firstPosition + nCtx),
      ...(nTypes === 0 ? [] : [table("typeEmbed", "token_type", nTypes)]),
      ...normEntries("lnEmbed", `${at}.LayerNorm`, dModel, true),
      ...Array.from({ length: nLayers }, (_, i) => {
        const to = `blocks.${i}`;
        const from = (part: keyof Names["parts"]): string =>
          `${names.body}.${names.blocks}.${i}.${names.parts[part]}`;
        return [
          ...(["q", "k", "v", "o"] as const).flatMap((own) =>
            linearEntries(`${to}.attn.${own}`, from(own), square, true),
          ),
          ...normEntries(`${to}.ln1`, from("ln1"), dModel, true),
          ...linearEntries(`${to}.mlp.in`, from("in"), [dModel, dMlp], true),
          ...linearEntries(`${to}.mlp.out`, from("out"), [dMlp, dModel], true),
          ...normEntries(`${to}.ln2`, from("ln2"), dModel, true),
        ];
      }).flat(),
      ...(pooler === undefined
        ? []
        : linearEntries("pooler", pooler, square, true).map((entry) => ({
            ...entry,
            // networks for sentences are often saved without it
            isOptional: head === "none",
          }))),
      ...(head === "masked" ? maskedEntries(names.masked, config) : []),
      ...classEntries(head, names.classifier(head), config),
    ];
  };
}

function maskedEntries(
  { dense, ln, decoder, tiedBias }: Names["masked"],
  { dModel, dVocab, ties }: BertConfig,
): ParamEntry[] {
  const own = { weight: `${decoder}.weight`, bias: `${decoder}.bias` };
  const tied = { weight: undefined, bias: tiedBias };
  return [
    ...linearEntries("transform.dense", dense, [dModel, dModel], true),
    ...normEntries("transform.ln", ln, dModel, true),
    ...vocabularyEntries(ties ? tied : own, { dModel, dVocab }),
  ];
}

const bertBlocks = {
  blocks: "encoder.layer",
  parts: {
    q: "attention.self.query",
    k: "attention.self.key",
    v: "attention.self.value",
    o: "attention.output.dense",
    ln1: "attention.output.LayerNorm",
    in: "intermediate.dense",
    out: "output.dense",
    ln2: "output.LayerNorm",
  },
};

const formerEnds = { "LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta" };

/** BERT, with no head or one that predicts masked tokens, classes of texts or of tokens. */
export const bertFamily: EncoderFamily<BertConfig> = {
  architectures: [
    "BertModel",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "BertForTokenClassification",
  ],
  kind: "encoder",
  config: bertConfig,
  optionalPrefix: "bert.",
  formerEnds,
  // heads that another architecture of the same weights has, and copies of what is tied
  unused: /^(?:cls|bert\.pooler)\./,
  forward: bert((x) => x.tanh()),
  layout: bertLayout({
    body: "bert",
    ...bertBlocks,
    masked: {
      dense: "cls.predictions.transform.dense",
      ln: "cls.predictions.transform.LayerNorm",
      decoder: "cls.predictions.decoder",
      tiedBias: "cls.predictions.bias",
    },
    pooler: (head) => (head === "none" || head === "classes" ? "bert.pooler.dense" : undefined),
    classifier: () => "classifier",
  }),
  absent,
  meanings,
};

/** RoBERTa, and XLM-RoBERTa, which differs in its tokenizer only. */
export const robertaFamily: EncoderFamily<BertConfig> = {
  architectures: [
    "RobertaModel",
    "RobertaForMaskedLM",
    "RobertaForSequenceClassification",
    "RobertaForTokenClassification",
    "XLMRobertaModel",
    "XLMRobertaForMaskedLM",
    "XLMRobertaForSequenceClassification",
    "XLMRobertaForTokenClassification",
  ],
  kind: "encoder",
  config: robertaConfig,
  optionalPrefix: "roberta.",
  formerEnds,
  unused: /^(?:lm_head|roberta\.pooler)\./,
  forward: bert((x) => x.tanh()),
  layout: bertLayout({
    body: "roberta",
    ...bertBlocks,
    masked: {
      dense: "lm_head.dense",
      ln: "lm_head.layer_norm",
      decoder: "lm_head.decoder",
      tiedBias: "lm_head.bias",
    },
    pooler: (head) =>
      ({
        none: "roberta.pooler.dense",
        classes: "classifier.dense",
        masked: undefined,
        tags: undefined,
      })[head],
    classifier: (head) => (head === "classes" ? "classifier.out_proj" : "classifier"),
  }),
  absent,
  meanings,
};

/** DistilBERT. */
export const distilbertFamily: EncoderFamily<BertConfig> = {
  architectures: [
    "DistilBertModel",
    "DistilBertForMaskedLM",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
  ],
  kind: "encoder",
  config: distilbertConfig,
  optionalPrefix: "distilbert.",
  unused: /^vocab_(?:transform|layer_norm|projector)\./,
  forward: bert((x) => x.relu()),
  layout: bertLayout({
    body: "distilbert",
    blocks: "transformer.layer",
    parts: {
      q: "attention.q_lin",
      k: "attention.k_lin",
      v: "attention.v_lin",
      o: "attention.out_lin",
      ln1: "sa_layer_norm",
      in: "ffn.lin1",
      out: "ffn.lin2",
      ln2: "output_layer_norm",
    },
    masked: {
      dense: "vocab_transform",
      ln: "vocab_layer_norm",
      decoder: "vocab_projector",
      tiedBias: "vocab_projector.bias",
    },
    pooler: (head) => (head === "classes" ? "pre_classifier" : undefined),
    classifier: () => "classifier",
  }),
  absent,
  meanings,
};
