// What makes a family of networks: how its config is read, where its parameters lie in a checkpoint, and its function.

import type { AudioConfig, AudioInputs } from "../network/audio-input.ts";
import type { EncoderConfig, EncoderInputs } from "../network/encoder-input.ts";
import type { DecoderConfig, DecoderInputs } from "../network/prompt.ts";
import type { Seq2SeqConfig, SourceInputs, TargetInputs } from "../network/seq2seq-input.ts";
import type { SiteMeanings } from "../network/sites.ts";
import type { Tap } from "../network/tap.ts";
import type { VisionConfig, VisionInputs } from "../network/vision-input.ts";
import type { SeeingInputs, VisionLanguageConfig } from "../network/vision-language-input.ts";
import type { AttentionCache } from "../nn/attention.ts";
import type { ActivationFunction } from "../nn/layers.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Activation } from "./common-config.ts";

/** Where one parameter lies in a checkpoint. The fields are undone in their order here. */
export interface ParamEntry {
  /** Place in the parameter tree, such as `blocks.0.attn.q.weight`. */
  readonly path: string;
  /** Name of the tensor in the file. */
  readonly name: string;
  /** Shape in the tree. */
  readonly shape: readonly number[];
  /** When the file's tensor holds several of its kind along a first axis of its own: which one this is. */
  readonly stack?: { readonly index: number; readonly of: number };
  /** True when the file holds the transpose, [in, out]. Default false. */
  readonly isTransposed?: boolean;
  /** When the file's tensor holds several parameters beside each other along the tree's first axis: where this one begins, and the sum of all. */
  readonly part?: { readonly start: number; readonly total: number };
  /**
   * When rows of several parameters take turns along the tree's first axis, which the file splits as [groups, of, rows of a
   * group]: which turn is this one's. GPT-NeoX has q, k, v by turns in every head: `{ index, of: 3, groups: nHeads }`.
   */
  readonly turn?: { readonly index: number; readonly of: number; readonly groups: number };
  /** True when checkpoints may lack it; the tree then lacks it too. Default false. */
  readonly isOptional?: boolean;
}

/** A family of networks: what config.json calls it, how its parameters are stored, and its function. */
export interface ArchitectureFamily<Config, Inputs> {
  /** What config.json calls its members, in `architectures`. */
  readonly architectures: readonly string[];
  /**
   * Reads config.json.
   *
   * @throws PatchClampError `UNSUPPORTED` for keys and values that change the numbers in a way that is not computed
   */
  readonly config: (json: unknown, where?: string) => Config;
  /** Every parameter and where it lies. */
  readonly layout: (config: Config) => readonly ParamEntry[];
  /** A part of names that some checkpoints leave out, such as `transformer.` at their start. */
  readonly optionalPrefix?: string;
  /** Ends of names that older checkpoints write otherwise, by the present end. */
  readonly formerEnds?: Readonly<Record<string, string>>;
  /** Tensors of checkpoints that are of no use here; all others must be in the layout. */
  readonly unused?: RegExp;
  /** The network. */
  readonly forward: (params: never, inputs: Inputs, tap: Tap, config: Config) => Tensor;
  /** Why a standard site does not exist, by its name without the block. */
  readonly absent: Readonly<Record<string, string>>;
}

/** Networks that predict the next token: [batch, pos] tokens to logits, [batch, pos, dVocab]. */
export interface DecoderFamily<
  Config extends DecoderConfig = DecoderConfig,
> extends ArchitectureFamily<Config, DecoderInputs> {
  readonly kind: "decoder";
}

/** Networks that read texts as a whole: [batch, pos] tokens to last hidden states, [batch, pos, dModel], and what heads make of them. */
export interface EncoderFamily<
  Config extends EncoderConfig = EncoderConfig,
> extends ArchitectureFamily<Config, EncoderInputs> {
  readonly kind: "encoder";
  /** What sites are where they are not what the standard name means. */
  readonly meanings?: SiteMeanings;
}

/** Networks that look at images: [batch, channel, height, width] pixels to classes, features, or agreement with texts. */
export interface VisionFamily<
  Config extends VisionConfig = VisionConfig,
> extends ArchitectureFamily<Config, VisionInputs> {
  readonly kind: "vision";
  /** What sites are where they are not what the standard name means. */
  readonly meanings?: SiteMeanings;
}

/** Networks that listen: [batch, time] samples to last hidden states, [batch, pos, dModel], and what heads make of them. */
export interface AudioFamily<Config extends AudioConfig = AudioConfig> extends ArchitectureFamily<
  Config,
  AudioInputs
> {
  readonly kind: "audio";
  /** What sites are where they are not what the standard name means. */
  readonly meanings?: (config: Config) => SiteMeanings;
}

/** Networks that read a source as a whole and write a target: two functions, of which generation calls the first once. */
export interface Seq2SeqFamily<Config extends Seq2SeqConfig = Seq2SeqConfig> extends Omit<
  ArchitectureFamily<Config, never>,
  "forward"
> {
  readonly kind: "seq2seq";
  /** Reads the source into [batch, source, dModel]. */
  readonly encode: (params: never, inputs: SourceInputs, tap: Tap, config: Config) => Tensor;
  /** Predicts the next token of the target, [batch, pos, dVocab]. */
  readonly decode: (params: never, inputs: TargetInputs, tap: Tap, config: Config) => Tensor;
  /** What sites are where they are not what the standard name means. */
  readonly meanings?: SiteMeanings;
}

/** Networks that look at images and write: two functions, of which generation calls the first once. */
export interface VisionLanguageFamily<
  Config extends VisionLanguageConfig = VisionLanguageConfig,
> extends Omit<ArchitectureFamily<Config, never>, "forward"> {
  readonly kind: "vision-language";
  /** Reads pixels into what stands in the places of image tokens, [image, imageLength, dModel]. */
  readonly look: (params: never, pixels: Tensor, tap: Tap, config: Config) => Tensor;
  /** Predicts the next token, [batch, pos, dVocab]. */
  readonly predict: (params: never, inputs: SeeingInputs, tap: Tap, config: Config) => Tensor;
}

/** Every kind of family, told apart by `kind`. */
export type AnyFamily =
  | DecoderFamily
  | EncoderFamily
  | VisionFamily
  | AudioFamily
  | Seq2SeqFamily
  | VisionLanguageFamily;

/** Entries of a linear layer whose weights are [out, in]. */
export function linearEntries(
  path: string,
  name: string,
  [from, to]: readonly [number, number],
  hasBias = false,
): ParamEntry[] {
  const weight = { path: `${path}.weight`, name: `${name}.weight`, shape: [to, from] };
  return hasBias ? [weight, { path: `${path}.bias`, name: `${name}.bias`, shape: [to] }] : [weight];
}

/** Entries of q, k and v, each [dModel, dModel], whose rows lie by turns in every head of one linear layer. */
export function turningEntries(
  path: string,
  name: string,
  { nHeads, dModel }: { readonly nHeads: number; readonly dModel: number },
  hasBias = false,
): ParamEntry[] {
  return ["q", "k", "v"].flatMap((own, index) =>
    linearEntries(`${path}.${own}`, name, [dModel, dModel], hasBias).map((entry) => ({
      ...entry,
      turn: { index, of: 3, groups: nHeads },
    })),
  );
}

/** Entries of a norm's gain and, for layer norm, bias. */
export function normEntries(
  path: string,
  name: string,
  size: number,
  hasBias = false,
): ParamEntry[] {
  const weight = { path: `${path}.weight`, name: `${name}.weight`, shape: [size] };
  return hasBias
    ? [weight, { path: `${path}.bias`, name: `${name}.bias`, shape: [size] }]
    : [weight];
}

const FUNCTIONS: Readonly<Record<Activation, ActivationFunction>> = {
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu({ approximate: "tanh" }),
  quick_gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
  relu: (x) => x.relu(),
  silu: (x) => x.silu(),
  tanh: (x) => x.tanh(),
};

/** The function behind an activation's name. */
export function activationFunction(name: Activation): ActivationFunction {
  return FUNCTIONS[name];
}

/** The part of a cache that one layer sees. */
export function layerCache(
  { cache }: Pick<DecoderInputs, "cache">,
  layer: number,
): AttentionCache | undefined {
  if (cache === undefined) return undefined;
  return { past: cache.past(layer), store: (k, v) => cache.store(layer, k, v) };
}
