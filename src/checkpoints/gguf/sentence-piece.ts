import { mergesOf } from "../tokenizer/bpe-merges.ts";
import { addedTokens, around, broken, idsByToken, tokenKinds } from "./vocabulary.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * The tokenizer.json of a SentencePiece vocabulary, in which neighbours with the best score merge first.
 *
 * Scores become a list of merges: every way to cut a token into two tokens, by the score of the whole. What has no token is
 * spelt in bytes.
 *
 * @throws PatchClampError `BAD_FILE` when the tokens have no scores
 * @source Kudo & Richardson 2018, arXiv:1808.06226
 */
export function sentencePiece(vocabulary: Vocabulary): Record<string, unknown> {
  const { tokens, get, unknown = 0 } = vocabulary;
  const addsSpace = get("add_space_prefix") !== false;
  const toLowLine = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const normalizer = addsSpace
    ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, toLowLine] }
    : toLowLine;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer,
    pre_tokenizer: null,
    post_processor: around(vocabulary, true),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addsSpace ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: tokens[unknown],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: idsByToken(vocabulary),
      merges: merges(vocabulary),
    },
  };
}

/** Merges, best first: by the score of what they make. */
function merges({ path, tokens, kinds, get }: Vocabulary): [string, string][] {
  const scores = get("scores");
  if (!(scores instanceof Float32Array) || scores.length < tokens.length) {
    throw broken(path, `has no score for each of its ${tokens.length} tokens.`);
  }
  const order = Array.from(tokens.keys())
    .filter((id) => kinds[id] === tokenKinds.normal)
    .toSorted((a, b) => scores[b]! - scores[a]!);
  return mergesOf(
    new Map(tokens.map((token, id) => [token, id])),
    order.map((id) => tokens[id]!),
  );
}
