import { PatchClampError } from "../../core/errors.ts";
import { readJson } from "../../core/files.ts";
import type { Files } from "../../core/files.ts";
import { sentencePieceJson } from "./sentencepiece.ts";
import { isTiktoken, tiktokenJson } from "./tiktoken.ts";
import { asObject } from "./specials.ts";
import type { Json } from "./specials.ts";
import { bpeJson, wordPieceJson } from "./vocabulary-files.ts";

const where = "loadTokenizer";

/** Whether a folder holds a tokenizer in any of the forms that `loadTokenizer` reads. */
export async function hasTokenizer(files: Files): Promise<boolean> {
  return (await tokenizerFile(files)) !== undefined;
}

/**
 * Reads a folder's tokenizer into the fields of a `tokenizer.json`, whatever file it is in.
 *
 * @param config - fields of `tokenizer_config.json` and its like, for what such a file does not say
 * @throws PatchClampError `BAD_FILE` when there is no such file or it is damaged, `UNSUPPORTED` when only other code can read it
 */
export async function readTokenizerJson(files: Files, config: Json): Promise<unknown> {
  const path = await tokenizerFile(files);
  if (path === undefined) {
    throw new PatchClampError("BAD_FILE", {
      where,
      problem: `${files.name} has no tokenizer.json and no other tokenizer file.`,
      fix: "write one in Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
      facts: { folder: files.name },
    });
  }
  const text = async (of: string): Promise<string> =>
    new TextDecoder().decode(await files.read(of));
  if (path === "tokenizer.json") return readJson(where, files, path);
  if (path === "vocab.txt") return wordPieceJson(await text(path), config);
  if (path === "vocab.json") {
    const vocab = asObject(await readJson(where, files, path));
    return bpeJson(vocab, await text("merges.txt"), config);
  }
  const bytes = await files.read(path);
  return isTiktoken(bytes)
    ? tiktokenJson(path, bytes, config)
    : sentencePieceJson(`${path} in ${files.name}`, bytes, config);
}

async function tokenizerFile(files: Files): Promise<string | undefined> {
  const names = new Set(await files.list());
  const isThere = (path: string): boolean =>
    names.has(path) && (path !== "vocab.json" || names.has("merges.txt"));
  const ranks = [...names].find((path) => path.endsWith(".tiktoken"));
  return [
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.model",
    "tiktoken.model",
    ...(ranks === undefined ? [] : [ranks]),
    "vocab.json",
    "vocab.txt",
  ].find(isThere);
}
