// Generation in transformers.js, on an ONNX file with keys and values among its inputs and outputs.

import { readFileSync } from "node:fs";

import { AutoModelForCausalLM, env, Tensor } from "@huggingface/transformers";

env.allowRemoteModels = false;

const { version } = JSON.parse(
  readFileSync(
    new URL("node_modules/@huggingface/transformers/package.json", import.meta.url),
    "utf8",
  ),
);

/** @type {Promise<any> | undefined} */
let opened;

/** @param {string} folder @param {number} threads */
function open(folder, threads) {
  opened ??= AutoModelForCausalLM.from_pretrained(folder, {
    dtype: "fp32",
    local_files_only: true,
    session_options: { intraOpNumThreads: threads },
  });
  return opened;
}

/**
 * Greedy tokens after a prompt. `result`: of every token, id % 97 and its log-probability in nats.
 *
 * @param {{ folder: string, prompt: string, count: number, threads: number }} args
 */
export async function generate({ folder, prompt, count, threads }) {
  const model = await open(folder, threads);
  const ids = BigInt64Array.from(prompt.split(","), BigInt);
  const inputs = {
    input_ids: new Tensor("int64", ids, [1, ids.length]),
    attention_mask: new Tensor(
      "int64",
      ids.map(() => 1n),
      [1, ids.length],
    ),
  };
  const work = async () => {
    /** @type {number[]} */
    const times = [];
    /** @type {Float32Array[]} */
    const logits = [];
    const streamer = { put: () => void times.push(performance.now()), end: () => undefined };
    /** @param {unknown} _ @param {{ data: Float32Array }} last */
    const keep = (_, last) => {
      logits.push(last.data);
      return last;
    };
    const options = { max_new_tokens: count, do_sample: false, streamer, logits_processor: [keep] };
    const out = await model.generate({ ...inputs, ...options });
    const written = Array.from(out.tolist()[0], Number).slice(ids.length);
    // the first call of the streamer brings the prompt
    const first = times.length - count;
    const ms = (times.at(-1) - times[first]) / (count - 1);
    const result = written.flatMap((id, i) => [id % 97, logProbability(logits[i], id)]);
    return { ms, result };
  };
  return { name: `transformers.js ${version}`, work };
}

/** @param {Float32Array} logits @param {number} id */
function logProbability(logits, id) {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return logits[id] - most - Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
}
