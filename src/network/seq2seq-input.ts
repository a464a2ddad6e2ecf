// What encoder-decoders are given: sources, what was written after them so far, and the tensors made of them. Shorter sources are
// padded on the right, shorter targets on either side, and the padding is hidden, so that every row gives the numbers it gives alone.

import { PatchClampError } from "../core/errors.ts";
import { hiddenKeys } from "../nn/masks.ts";
import { fromHost } from "../tensor/leaf.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecoderInputs, LanguageInput, Prompt, TokenBatch } from "./prompt.ts";
import { batchInputs } from "./prompt.ts";

/** Sources, and the beginnings of what the decoder writes. */
export interface SourceAndTarget {
  readonly source: Prompt;
  /**
   * What the decoder reads. Token ids are taken as they are, a first start token included; a text is put behind the start token,
   * without the end that the tokenizer puts behind it. One target serves all sources, and the reverse. Default: the start token.
   */
  readonly target?: LanguageInput;
}

/** What encoder-decoders take; a prompt alone is a source. */
export type Seq2SeqInput = Prompt | SourceAndTarget;

/** Sizes every encoder-decoder has. */
export interface Seq2SeqConfig {
  readonly nEncoderLayers: number;
  readonly nDecoderLayers: number;
  readonly dModel: number;
  readonly dVocab: number;
  /** Longest source, and longest target. */
  readonly nCtx: number;
  /** The token that a target begins with. */
  readonly decoderStart: number;
}

/** What the encoder's function takes. */
export interface SourceInputs {
  /** int32, [batch, source] */
  readonly tokens: Tensor;
  /** int32, [1, source]: 0, 1, 2 ... */
  readonly positions: Tensor;
  /** Added to attention scores, [batch, 1, 1, source]. Absent when there is no padding. */
  readonly mask?: Tensor | undefined;
}

/** What the decoder's function takes. */
export interface TargetInputs extends DecoderInputs {
  /** The encoder's output, [batch, source, dModel]. */
  readonly source: Tensor;
  /** Added to the scores of cross attention, [batch, 1, 1, source]. Absent when no source is padded. */
  readonly sourceMask?: Tensor | undefined;
}

/** What both together take, in one record. */
export interface Seq2SeqInputs extends Omit<DecoderInputs, "cache"> {
  /** int32, [batch, source] */
  readonly sourceTokens: Tensor;
  /** int32, [1, source] */
  readonly sourcePositions: Tensor;
  /** [batch, 1, 1, source]. Absent when no source is padded. */
  readonly sourceMask?: Tensor | undefined;
}

/** Token ids of a batch. */
export interface Seq2SeqBatch {
  /** Padded on the right. */
  readonly source: TokenBatch;
  readonly target: TokenBatch;
}

/** A source with its target, if one was given. */
export function sourceAndTarget(given: Seq2SeqInput): SourceAndTarget {
  return typeof given === "object" && "source" in given ? given : { source: given };
}

/**
 * Makes two lists equally long: a list of one serves all rows of the other.
 *
 * @throws PatchClampError `BAD_INPUT` when their lengths are others
 */
export function paired<Row>(
  where: string,
  sources: readonly Row[],
  targets: readonly Row[],
): { readonly sources: readonly Row[]; readonly targets: readonly Row[] } {
  const rows = Math.max(sources.length, targets.length);
  const repeated = (list: readonly Row[]): readonly Row[] =>
    list.length === rows ? list : Array.from({ length: rows }, () => list[0]!);
  if ([1, rows].includes(sources.length) && [1, rows].includes(targets.length))
    return { sources: repeated(sources), targets: repeated(targets) };
  throw new PatchClampError("BAD_INPUT", {
    where,
    problem: `${sources.length} sources and ${targets.length} targets do not go together.`,
    fix: "give one target for each source, or one for all.",
    facts: { sources: sources.length, targets: targets.length },
  });
}

/** What the encoder's function takes for sources padded on the right. */
export function sourceInputs({ ids, lengths }: TokenBatch): SourceInputs {
  const pos = ids[0]!.length;
  const row = Array.from({ length: pos }, (_, i) => i);
  const int32 = (rows: readonly (readonly number[])[], name: string): Tensor =>
    fromHost(Int32Array.from(rows.flat()), { shape: [rows.length, pos], dtype: "int32" }, name);
  const inputs = { tokens: int32(ids, "source"), positions: int32([row], "source_positions") };
  if (lengths.every((length) => length === pos)) return inputs;
  return { ...inputs, mask: hiddenKeys(lengths.map((length) => row.map((i) => i < length))) };
}

/** What the whole network takes. */
export function seq2seqInputs({ source, target }: Seq2SeqBatch): Seq2SeqInputs {
  const { tokens, positions, mask } = sourceInputs(source);
  return {
    sourceTokens: tokens,
    sourcePositions: positions,
    ...(mask === undefined ? {} : { sourceMask: mask }),
    ...batchInputs(target),
  };
}
