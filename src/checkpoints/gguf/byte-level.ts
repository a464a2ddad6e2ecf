import { PatchClampError } from "../../core/errors.ts";
import { preTokenizers } from "./pre-tokenizers.ts";
import { addedTokens, around, broken, idsByToken } from "./vocabulary.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * The tokenizer.json of merged pairs over bytes, as GPT-2 has it and most since.
 *
 * @throws PatchClampError `UNSUPPORTED` for a way to cut texts that is not known; `BAD_FILE` when a merge is not two tokens
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2
 */
export function byteLevel(vocabulary: Vocabulary): Record<string, unknown> {
  const { path, get } = vocabulary;
  const name = get("pre") ?? "default";
  const cutting = Object.hasOwn(preTokenizers, String(name))
    ? preTokenizers[String(name)]
    : undefined;
  if (cutting === undefined) {
    throw new PatchClampError("UNSUPPORTED", {
      where: "openGguf",
      problem: `${path} cuts texts as "${String(name)}"; PatchClamp knows ${Object.keys(preTokenizers).join(", ")}.`,
      facts: { path, pre: name },
    });
  }
  const { patterns, ignoresMerges = false, composes = false, addsBos = false } = cutting;
  const bytes = { add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer: composes ? { type: "NFC" } : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...patterns.map((pattern) => ({
          type: "Split",
          pattern: { Regex: pattern },
          behavior: "Isolated",
          invert: false,
        })),
        { type: "ByteLevel", ...bytes, add_prefix_space: get("add_space_prefix") === true },
      ],
    },
    post_processor: around(vocabulary, addsBos),
    decoder: { type: "ByteLevel", ...bytes },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoresMerges,
      vocab: idsByToken(vocabulary),
      merges: readMerges(path, get("merges")),
    },
  };
}

function readMerges(path: string, merges: unknown): [string, string][] {
  if (!Array.isArray(merges)) throw broken(path, "has no list of merges.");
  return (merges as unknown[]).map((merge): [string, string] => {
    // bytes are written as printable characters, so that a space stands between the halves only
    const halves = String(merge).split(" ");
    if (halves.length === 2) return halves as [string, string];
    throw broken(path, `has the merge ${JSON.stringify(merge)}, which is not two tokens.`);
  });
}
