// SentencePiece's own file (`tokenizer.model`, `spiece.model`), read into the `tokenizer.json` that does the same.

import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { WireType } from "@bufbuild/protobuf/wire";

import { PatchClampError } from "../../core/errors.ts";
import { mergesOf } from "./bpe-merges.ts";
import { contentOf } from "./specials.ts";
import type { Json } from "./specials.ts";

/** `SentencePiece.Type` of sentencepiece_model.proto. */
const CONTROL = 3;
const USER_DEFINED = 4;

interface Piece {
  readonly piece: string;
  readonly score: number;
  readonly type: number;
}

interface Model {
  readonly pieces: Piece[];
  /** 1 Unigram, 2 BPE, 3 words, 4 characters. */
  modelType: number;
  byteFallback: boolean;
  whitespaceIsSuffix: boolean;
  unkId: number;
  bosId: number;
  eosId: number;
  charsmap: Uint8Array;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
}

/**
 * Reads a SentencePiece model, Unigram or BPE, into the fields of a `tokenizer.json`.
 *
 * Symbols of the model are found in the text like added tokens; a dummy prefix then stands after each of them too, as in `transformers`.
 *
 * @param config - fields of `tokenizer_config.json`: `add_bos_token`, `add_eos_token`, `legacy`, `tokenizer_class`, `extra_ids`
 * @throws PatchClampError `BAD_FILE` when the bytes are no SentencePiece model; `UNSUPPORTED` for its word and character models, for
 * white space at the end of pieces, and for families whose code gives the pieces other ids
 * @source sentencepiece_model.proto of SentencePiece 0.2 (Kudo & Richardson 2018, arXiv:1808.06226)
 */
export function sentencePieceJson(name: string, bytes: Uint8Array, config: Json = {}): Json {
  const family = typeof config["tokenizer_class"] === "string" ? config["tokenizer_class"] : "";
  if (familiesWithOtherIds.test(family)) {
    throw refused(name, `${family} gives the pieces of its SentencePiece model other ids.`);
  }
  const model = readModel(name, bytes);
  if (model.modelType > 2)
    throw refused(name, "its SentencePiece model is of words or characters.");
  if (model.whitespaceIsSuffix) throw refused(name, "its pieces end with white space.");
  const isT5 = /^(UM)?T5/iu.test(family);
  return {
    added_tokens: [
      ...model.pieces.flatMap(({ piece, type }, id) => {
        if (type !== CONTROL && type !== USER_DEFINED && id !== model.unkId) return [];
        return { id, content: piece, special: type !== USER_DEFINED, normalized: false };
      }),
      ...(isT5 ? sentinels(model.pieces.length, config) : []),
    ],
    ...textSteps(model, config),
    post_processor: surroundings(model, config),
    model: model.modelType === 1 ? unigramModel(model) : bpeModel(model),
  };
}

const familiesWithOtherIds =
  /^(XLMRoberta|MBart|Nllb|Camembert|Barthez|Pegasus|XGLM|DebertaV2|XLNet|Fairseq|Marian|M2M100|Speech2Text)/u;

function refused(name: string, problem: string): PatchClampError {
  return new PatchClampError("UNSUPPORTED", {
    where: "loadTokenizer",
    problem: `${name}: ${problem}`,
    fix: "write tokenizer.json in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
  });
}

function textSteps(model: Model, config: Json): Json {
  const replace = (pattern: object, content: string): object => ({
    type: "Replace",
    pattern,
    content,
  });
  // With `legacy: false` a prefix stands at the beginning of the text alone, and not before a space.
  const isFirstOnly = config["legacy"] === false && model.addDummyPrefix;
  const marks = isFirstOnly ? [] : [replace({ String: " " }, "▁")];
  const prefix = model.addDummyPrefix && !isFirstOnly;
  return {
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Precompiled", precompiled_charsmap: base64(model.charsmap) },
        ...(model.removeExtraWhitespaces
          ? [replace({ Regex: "^ +|(?<![ ▁])[ ▁]+$" }, ""), replace({ Regex: " {2,}" }, " ")]
          : []),
        ...(prefix ? [{ type: "Prepend", prepend: "▁" }] : []),
        ...marks,
      ],
    },
    pre_tokenizer: isFirstOnly
      ? { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }
      : null,
    decoder: {
      type: "Sequence",
      decoders: [
        replace({ String: "▁" }, " "),
        ...(model.byteFallback ? [{ type: "ByteFallback" }] : []),
        { type: "Fuse" },
        ...(model.addDummyPrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
  };
}

/** T5's tokens for masked spans, which its file does not hold; the last id is the first of them. */
function sentinels(from: number, config: Json): object[] {
  const count = config["extra_ids"] ?? 100;
  if (typeof count !== "number" || !Number.isInteger(count)) return [];
  if (count < 0 || count > 10_000) return [];
  return Array.from({ length: count }, (_, i) => ({
    id: from + count - 1 - i,
    content: `<extra_id_${i}>`,
    special: true,
  }));
}

/** A BPE model begins its texts and T5's Unigram models end them, unless the config says otherwise. */
function surroundings(model: Model, config: Json): Json {
  const isBpe = model.modelType === 2;
  const idOf = (role: string, fallback: number): number => {
    const content = contentOf(config[role]);
    const found = model.pieces.findIndex(({ piece }) => piece === content);
    return found >= 0 ? found : fallback;
  };
  const bos = idOf("bos_token", model.bosId);
  const eos = idOf("eos_token", model.eosId);
  const addsBos = config["add_bos_token"] ?? (isBpe && bos >= 0);
  const addsEos = config["add_eos_token"] ?? (!isBpe && model.bosId < 0);
  const token = (id: string): object => ({ SpecialToken: { id, type_id: 0 } });
  return {
    type: "TemplateProcessing",
    single: [
      ...(addsBos === true && bos >= 0 ? [token("bos")] : []),
      { Sequence: { id: "A", type_id: 0 } },
      ...(addsEos === true && eos >= 0 ? [token("eos")] : []),
    ],
    special_tokens: { bos: { ids: bos >= 0 ? [bos] : [] }, eos: { ids: eos >= 0 ? [eos] : [] } },
  };
}

function unigramModel({ pieces, unkId, byteFallback }: Model): Json {
  return {
    type: "Unigram",
    vocab: pieces.map(({ piece, score }) => [piece, score]),
    unk_id: unkId,
    byte_fallback: byteFallback,
  };
}

function bpeModel({ pieces, unkId, byteFallback }: Model): Json {
  const vocabulary = new Map(pieces.map(({ piece }, id) => [piece, id]));
  const best = [...pieces.keys()].toSorted((a, b) => pieces[b]!.score - pieces[a]!.score);
  return {
    type: "BPE",
    vocab: Object.fromEntries(vocabulary),
    merges: mergesOf(
      vocabulary,
      best.map((id) => pieces[id]!.piece),
    ),
    unk_token: pieces[unkId]!.piece,
    fuse_unk: true,
    byte_fallback: byteFallback,
  };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function readModel(name: string, bytes: Uint8Array): Model {
  const model: Model = {
    pieces: [],
    modelType: 1,
    byteFallback: false,
    whitespaceIsSuffix: false,
    unkId: 0,
    bosId: 1,
    eosId: 2,
    charsmap: new Uint8Array(),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
  };
  try {
    readFields(bytes, {
      1: (r) => model.pieces.push(readPiece(r.bytes())),
      2: (r) =>
        readFields(r.bytes(), {
          3: (t) => (model.modelType = t.int32()),
          24: (t) => (model.whitespaceIsSuffix = t.bool()),
          35: (t) => (model.byteFallback = t.bool()),
          40: (t) => (model.unkId = t.int32()),
          41: (t) => (model.bosId = t.int32()),
          42: (t) => (model.eosId = t.int32()),
        }),
      3: (r) =>
        readFields(r.bytes(), {
          2: (n) => (model.charsmap = n.bytes()),
          3: (n) => (model.addDummyPrefix = n.bool()),
          4: (n) => (model.removeExtraWhitespaces = n.bool()),
        }),
    });
    if (model.pieces[model.unkId] === undefined) throw new Error("no unknown piece");
  } catch (cause) {
    throw new PatchClampError("BAD_FILE", {
      where: "loadTokenizer",
      problem: `the ${bytes.length} bytes of ${name} are no SentencePiece model.`,
      fix: "download or copy the file again.",
      facts: { name, sizeBytes: bytes.length },
      cause,
    });
  }
  return model;
}

function readPiece(bytes: Uint8Array): Piece {
  let piece = "";
  let score = 0;
  let type = 1;
  readFields(bytes, {
    1: (r) => (piece = r.string()),
    2: (r) => (score = r.float()),
    3: (r) => (type = r.int32()),
  });
  return { piece, score, type };
}

/** Reads the fields of a protobuf message that somebody wants, and skips the others. */
function readFields(
  bytes: Uint8Array,
  wanted: Readonly<Record<number, (reader: BinaryReader) => unknown>>,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType]: [number, WireType] = reader.tag();
    if (Object.hasOwn(wanted, field)) wanted[field]!(reader);
    else reader.skip(wireType, field);
  }
}
