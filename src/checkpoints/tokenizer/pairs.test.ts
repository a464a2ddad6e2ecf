import { expect, test } from "vitest";

import { wordPieceJson } from "./vocabulary-files.ts";
import { readJoiner } from "./pairs.ts";
import { makeTokenizer } from "./tokenizer.ts";

const special = (id: string, type_id: number): object => ({ SpecialToken: { id, type_id } });
const sequence = (id: string, type_id: number): object => ({ Sequence: { id, type_id } });
const template = {
  type: "TemplateProcessing",
  single: [sequence("A", 0)],
  pair: [
    special("[CLS]", 0),
    sequence("A", 0),
    special("[SEP]", 0),
    sequence("B", 1),
    special("[SEP]", 1),
  ],
  special_tokens: { "[CLS]": { ids: [101] }, "[SEP]": { ids: [102] } },
};

test("a template, and BERT's own post-processor, tell the texts apart", () => {
  const want = { ids: [101, 5, 6, 102, 7, 102], types: [0, 0, 0, 0, 1, 1] };
  expect(readJoiner("bert", template)([5, 6], [7])).toEqual(want);
  const bert = { type: "BertProcessing", cls: ["[CLS]", 101], sep: ["[SEP]", 102] };
  expect(readJoiner("bert", bert)([5, 6], [7])).toEqual(want);
});

test("RoBERTa puts two separators between texts of one type", () => {
  const json = { type: "RobertaProcessing", cls: ["<s>", 0], sep: ["</s>", 2] };
  expect(readJoiner("roberta", json)([5, 6], [7])).toEqual({
    ids: [0, 5, 6, 2, 2, 7, 2],
    types: [0, 0, 0, 0, 0, 0, 0],
  });
});

test("without a post-processor the texts stand side by side", () => {
  expect(readJoiner("plain", null)([5, 6], [7])).toEqual({ ids: [5, 6, 7], types: [0, 0, 1] });
});

test("of several post-processors the one counts that puts something in", () => {
  const json = { type: "Sequence", processors: [{ type: "ByteLevel" }, template] };
  expect(readJoiner("several", json)([5], [7]).ids).toEqual([101, 5, 102, 7, 102]);
});

test("a template that has no form for two texts refuses them", () => {
  const join = readJoiner("single", { ...template, pair: undefined });
  expect(() => join([5], [7])).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tokenizer: single does not say how two texts stand in one row.
      fix: put them into one text yourself, or give token ids and types.]
  `);
});

test("a template that names an unknown token is refused", () => {
  expect(() => readJoiner("odd", { ...template, special_tokens: {} })).toThrow("[CLS]");
});

test("a vocabulary of BERT joins texts as its tokenizer.json would", () => {
  const json = wordPieceJson("[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\n");
  const { encodePair, encode } = makeTokenizer("vocab", json);
  expect(encode("red blue")).toEqual([2, 4, 5, 3]);
  expect(encodePair("red", "blue blue")).toEqual({
    ids: [2, 4, 3, 5, 5, 3],
    types: [0, 0, 0, 1, 1, 1],
  });
});
