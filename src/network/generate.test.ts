import { beforeAll, describe, expect, test } from "vitest";

import { maxDifference, tinyGpt2Config, tinyNetwork } from "../../test/tiny.ts";
import { openGolden } from "../../test/golden/read.ts";
import { gpt2Family } from "../architectures/gpt2.ts";
import { buildNetwork } from "../checkpoints/build.ts";
import { makeTokenizer } from "../checkpoints/tokenizer/tokenizer.ts";
import { openNetwork } from "../index.ts";
import type { GenerateOptions } from "./generate.ts";
import type { GeneratedToken } from "./open-row.ts";
import { generate } from "./generate.ts";
import { planFor, Woven } from "./interventions.ts";
import type { LanguageNetwork } from "./language.ts";
import type { LanguageInput } from "./prompt.ts";
import type { Edits } from "./network.ts";
import type { Beginning } from "./reader.ts";
import { randn, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";

const prompt = [3, 1, 4, 1, 5];
// what the project promises of cached decoding, on logits of order 1 to 10
const TOLERANCE = 1e-4;

const nets = {} as Record<"gpt2" | "llama", LanguageNetwork>;
let speaking: LanguageNetwork;
beforeAll(async () => {
  nets.gpt2 = await tinyNetwork("gpt2");
  nets.llama = await tinyNetwork("llama");
  const words = Array.from({ length: 19 }, (_, i) => (i === 18 ? "." : `w${i}`));
  speaking = await tinyNetwork("gpt2", { words });
});

async function generated(
  net: LanguageNetwork,
  given: LanguageInput,
  options: GenerateOptions,
): Promise<GeneratedToken[]> {
  const made: GeneratedToken[] = [];
  for await (const token of net.generate(given, { stop: [], ...options })) made.push(token);
  return made;
}

async function ids(
  net: LanguageNetwork,
  given: LanguageInput,
  options: GenerateOptions,
): Promise<number[]> {
  return (await generated(net, given, options)).map(({ id }) => id);
}

/**
 * The numbers at position `at`, and of scores and patterns those of the `at` + 1 keys that it sees.
 *
 * In a decoding step the newest key stands behind the unfilled places of the cache.
 */
function rowAt(site: string, { shape, data }: Values, at: number, where: number): number[] {
  const [, first, second, last] = shape as [number, number, number, number];
  if (!/\.(scores|pattern)$/.test(site)) {
    const size = data.length / first;
    return Array.from(data.subarray(where * size, (where + 1) * size));
  }
  const newest = second === 1 ? last - 1 : at;
  return Array.from({ length: first }, (_, head) => {
    const row = data.subarray((head * second + where) * last, (head * second + where + 1) * last);
    return [...row.subarray(0, at), row[newest]!];
  }).flat();
}

interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

async function valuesOf(tensor: Tensor): Promise<Values> {
  return { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
}

describe.each(["gpt2", "llama"] as const)("%s", (name) => {
  test("every site at every cached step equals the full pass, past two growths of the cache", async () => {
    const net = nets[name];
    const steps = await generated(net, prompt, {
      maxTokens: 62,
      capture: "**",
      temperature: 1,
      seed: 2,
    });
    expect(steps).toHaveLength(62);
    const all = [...prompt, ...steps.map(({ id }) => id)];
    const full = await net.run(all, { capture: "**" });
    const wrong: string[] = [];
    for (const { name: site } of net.sites()) {
      const whole = await valuesOf(full.at(site));
      for (const { step, activations } of steps) {
        const own = await valuesOf(activations[site]!);
        const at = prompt.length - 1 + step;
        const off = maxDifference(
          rowAt(site, own, at, step === 0 ? at : 0),
          rowAt(site, whole, at, at),
        );
        if (!(off <= TOLERANCE)) wrong.push(`${site} at step ${step} is off by ${off}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(full.logits.shape).toEqual([1, 67, 23]);
  });

  test("an edit acts in the prompt and at every step, as in a loop without a cache", async () => {
    const net = nets[name];
    const edit: Edits = {
      "blocks.0.resid_post": (x) => x.add(randn([net.config.dModel], { seed: 5 })),
      "blocks.1.attn.z": (x) => x.mul(1.5),
    };
    const slow: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { logits } = await net.run([...prompt, ...slow], { edit });
      const last = await logits.slice({ axis: 1, start: -1 }).numbers();
      slow.push(last.indexOf(Math.max(...last)));
    }
    expect(await ids(net, prompt, { maxTokens: 12, edit })).toEqual(slow);
    expect(await ids(net, prompt, { maxTokens: 12 })).not.toEqual(slow);
  });
});

test("rows with strengths of their own equal single runs", async () => {
  const net = nets.gpt2;
  const direction = randn([net.config.dModel], { seed: 6 });
  const at = (strength: Tensor | number): Edits => ({
    "blocks.0.resid_post": (x) => x.add(direction.mul(strength)),
  });
  const strengths = [-4, 0, 2];
  const edit = at(tensor(strengths.map((strength) => [[strength]])));
  const rows = await generated(
    net,
    strengths.map(() => prompt),
    { maxTokens: 8, edit },
  );
  for (const [row, strength] of strengths.entries()) {
    const alone = await ids(net, prompt, { maxTokens: 8, edit: at(strength) });
    expect(rows.filter((token) => token.row === row).map(({ id }) => id)).toEqual(alone);
  }
  expect(
    new Set(
      strengths.map((_, r) =>
        rows
          .filter(({ row }) => row === r)
          .map(({ id }) => id)
          .join(),
      ),
    ).size,
  ).toBeGreaterThan(1);
});

test("rows of unequal length, padded on either side, equal single runs", async () => {
  const prompts = [prompt, [7, 2]];
  for (const padding of ["left", "right"] as const) {
    const rows = await generated(nets.llama, { prompts, padding }, { maxTokens: 6 });
    for (const [row, own] of prompts.entries()) {
      const alone = await ids(nets.llama, own, { maxTokens: 6 });
      expect(rows.filter((token) => token.row === row).map(({ id }) => id)).toEqual(alone);
    }
  }
});

const longrope = {
  type: "longrope",
  original_max_position_embeddings: 8,
  short_factor: [1, 1, 1],
  long_factor: [2, 8, 32],
};

test.each([
  // 5 and 2 tokens: the rows pass 8 at steps 4 and 7, and 96 is the context
  ["longrope once", { rope_scaling: longrope }, [0, 4, 7]],
  [
    "dynamic every time",
    { rope_scaling: { type: "dynamic", factor: 8 }, max_position_embeddings: 10 },
    [0, 6, 7, 8, 9],
  ],
] as const)(
  "beyond its first context %s reads the whole text anew, and the numbers are those of a loop without a cache",
  async (_, config, anew) => {
    const net = await tinyNetwork("llama", { config });
    const rows = [prompt, [2, 9]];
    const made = await generated(net, rows, { maxTokens: 10, capture: "blocks.1.resid_post" });
    const ofRow = (row: number): GeneratedToken[] => made.filter((token) => token.row === row);
    const pos = ofRow(0).map(({ activations }) => activations["blocks.1.resid_post"]!.shape[1]!);
    expect(pos.flatMap((size, step) => (size > 1 ? [step] : []))).toEqual(anew);
    for (const [row, start] of rows.entries()) {
      const text = [...start];
      for (const { id, activations } of ofRow(row)) {
        const full = await net.run(text, { capture: "blocks.1.resid_post" });
        const last = (x: Tensor, of: number): Promise<ArrayLike<number>> =>
          x
            .slice({ axis: 0, start: of, end: of + 1 })
            .slice({ axis: 1, start: -1 })
            .numbers();
        const own = await last(activations["blocks.1.resid_post"]!, row);
        const off = maxDifference(own, await last(full.at("blocks.1.resid_post"), 0));
        expect(off).toBeLessThanOrEqual(TOLERANCE);
        text.push(id);
      }
    }
  },
);

test("one seed gives one text, another seed another", async () => {
  const at = (seed: number): Promise<number[]> =>
    ids(nets.gpt2, prompt, { maxTokens: 20, temperature: 1.5, seed });
  expect(await at(4)).toEqual(await at(4));
  expect(await at(4)).not.toEqual(await at(5));
});

test("a row's samples do not depend on the rows after it", async () => {
  const options = { maxTokens: 10, temperature: 1.5, seed: 4 };
  const alone = await ids(nets.gpt2, [prompt], options);
  const pair = await generated(nets.gpt2, [prompt, [1, 1, 1, 1, 1]], options);
  expect(pair.filter(({ row }) => row === 0).map(({ id }) => id)).toEqual(alone);
});

test("equal prompts in one batch are sampled apart from each other", async () => {
  const made = await generated(nets.gpt2, [prompt, prompt], { maxTokens: 12, temperature: 1.5 });
  const of = (row: number): number[] =>
    made.filter((token) => token.row === row).map(({ id }) => id);
  expect(of(0)).not.toEqual(of(1));
});

test("the probability of a token is softmax of the logits that predicted it", async () => {
  for (const { id, probability, activations } of await generated(nets.gpt2, prompt, {
    maxTokens: 3,
    capture: "logits",
  })) {
    const last = activations["logits"]!.slice({ axis: 1, start: -1 }).softmax({ axis: -1 });
    // float32 softmax against double
    expect(Math.abs((await last.numbers())[id]! - probability)).toBeLessThanOrEqual(1e-6);
  }
});

test("a stop id ends its row and is not returned, and other rows go on", async () => {
  const free = await generated(nets.gpt2, [prompt, [2, 9]], {
    maxTokens: 10,
    temperature: 1.5,
    seed: 3,
  });
  const of = (made: readonly GeneratedToken[], row: number): number[] =>
    made.filter((token) => token.row === row).map(({ id }) => id);
  const [first, second] = [of(free, 0), of(free, 1)];
  const stop = first.find((id, i) => i > 1 && !second.includes(id))!;
  expect(stop).toBeDefined();
  const made = await generated(nets.gpt2, [prompt, [2, 9]], {
    maxTokens: 10,
    temperature: 1.5,
    seed: 3,
    stop: [stop],
  });
  expect(of(made, 0)).toEqual(first.slice(0, first.indexOf(stop)));
  expect(of(made, 1)).toEqual(second);
});

test("generation ends when every row has stopped", async () => {
  const [first] = await ids(nets.gpt2, prompt, { maxTokens: 1 });
  expect(await ids(nets.gpt2, prompt, { maxTokens: 10, stop: [first!] })).toEqual([]);
});

test("text pieces join to the decoded ids", async () => {
  const made = await generated(speaking, "w1 w2", { maxTokens: 40, temperature: 2, seed: 1 });
  const whole = speaking.tokenizer.decode(
    made.map(({ id }) => id),
    { skipSpecialTokens: true },
  );
  expect(made.map(({ text }) => text).join("")).toBe(whole);
  expect(whole).toContain(".");
});

/** A tokenizer of single bytes: "a", a space, and the two bytes of "é". */
const bytes = makeTokenizer("bytes", {
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  post_processor: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab: { a: 0, Ġ: 1, Ã: 2, "©": 3 }, merges: [] },
});

test("characters of several tokens come whole, and broken ones are not lost", async () => {
  const config = { ...tinyGpt2Config, vocab_size: 4 };
  const { params } = await tinyNetwork("gpt2", { config });
  const net = buildNetwork({
    name: "bytes",
    family: gpt2Family,
    config: gpt2Family.config(config),
    params,
    tokenizer: bytes,
  });
  const texts: string[] = [];
  for (let seed = 0; seed < 8; seed++) {
    const made = await generated(net, "a é", { maxTokens: 24, temperature: 4, seed });
    const whole = bytes.decode(made.map(({ id }) => id));
    expect(made.map(({ text }) => text).join("")).toBe(whole);
    texts.push(whole);
  }
  // the sample holds each case: whole characters, broken ones within and at the end
  expect(texts.join("|")).toMatch(/é.*\uFFFDa.*\uFFFD\|/s);
});

test("complete gives the decoded continuation of every prompt", async () => {
  const options = { maxTokens: 5, stop: [] };
  const texts = await speaking.complete(["w1", "w2 w3"], options);
  const made = await generated(speaking, ["w1", "w2 w3"], options);
  expect(texts).toEqual(
    [0, 1].map((row) =>
      speaking.tokenizer.decode(
        made.filter((token) => token.row === row).map(({ id }) => id),
        { skipSpecialTokens: true },
      ),
    ),
  );
});

test("without a tokenizer the texts are empty and the ids are there", async () => {
  expect(await generated(nets.gpt2, prompt, { maxTokens: 2 })).toMatchObject([
    { text: "", step: 0 },
    { text: "", step: 1 },
  ]);
});

test("the context can be filled to its last position", async () => {
  const short = await tinyNetwork("gpt2", { config: { n_positions: 8 } });
  expect(await ids(short, prompt, { maxTokens: 3 })).toHaveLength(3);
  expect(await ids(short, prompt, {})).toHaveLength(3);
});

/** Ids by row. */
function byRow(made: readonly GeneratedToken[]): number[][] {
  const rows: number[][] = [];
  for (const { row, id } of made) (rows[row] ??= []).push(id);
  return rows;
}

describe("several continuations of a prompt", () => {
  const options = { maxTokens: 12, temperature: 1.5, seed: 6 };

  test.each(["gpt2", "llama"] as const)(
    "%s writes what prompts given several times write",
    async (name) => {
      const prompts = [prompt, [7, 2]];
      const repeated = prompts.flatMap((ids) => [ids, ids, ids]);
      const once = byRow(await generated(nets[name], prompts, { ...options, count: 3 }));
      expect(once).toEqual(byRow(await generated(nets[name], repeated, options)));
      expect(new Set(once.map((ids) => ids.join())).size).toBe(6);
    },
  );

  test("states of recurrent layers are repeated too", async () => {
    const net = await openNetwork((await openGolden("mamba")).files, { check: false });
    const once = await generated(net, prompt, { ...options, count: 2 });
    expect(byRow(once)).toEqual(byRow(await generated(net, [prompt, prompt], options)));
  });

  test("the prompt is read once, and what is read again later is read for every row", async () => {
    const net = await tinyNetwork("llama", { config: { rope_scaling: longrope } });
    const site = "blocks.1.resid_post";
    const made = await generated(net, prompt, { ...options, count: 3, capture: site });
    const shapes = made
      .filter(({ row }) => row === 2)
      .map(({ activations }) => activations[site]!.shape.slice(0, 2));
    // 8 positions are the first context of this network
    expect(shapes.slice(0, 6)).toEqual([
      [1, 5],
      [3, 1],
      [3, 1],
      [3, 1],
      [3, 9],
      [3, 1],
    ]);
    const repeated = await generated(net, [prompt, prompt, prompt], options);
    expect(byRow(made)).toEqual(byRow(repeated));
  });

  test("complete gives the texts of a prompt's continuations in turn", async () => {
    const sampled = { ...options, stop: [], maxTokens: 6 };
    const texts = await speaking.complete(["w1", "w2"], { ...sampled, count: 2 });
    expect(texts).toEqual(await speaking.complete(["w1", "w1", "w2", "w2"], sampled));
  });
});

test("log-probabilities are log-softmax of the network's logits, whatever is done to these", async () => {
  const options = { maxTokens: 4, temperature: 2, topK: 9, presencePenalty: 1, seed: 1 };
  const made = await generated(nets.llama, prompt, { ...options, logProbabilities: 3 });
  const text = [...prompt];
  for (const { id, probability, logProbability, alternatives } of made) {
    const { logits } = await nets.llama.run(text);
    const all = await logits.slice({ axis: 1, start: -1 }).logSoftmax({ axis: -1 }).numbers();
    const order = [...all.keys()].toSorted((a, b) => all[b]! - all[a]!);
    // float32 log-softmax of logits of order 1 to 10 against double, and a cached pass against a whole one
    expect(Math.abs(logProbability - all[id]!)).toBeLessThanOrEqual(2e-5);
    expect(Math.log(probability)).toBeCloseTo(logProbability, 10);
    expect(alternatives.map((other) => other.id)).toEqual(order.slice(0, 3));
    for (const other of alternatives) {
      expect(Math.abs(other.logProbability - all[other.id]!)).toBeLessThanOrEqual(2e-5);
    }
    text.push(id);
  }
});

test("penalties look at what was written, and the one for repetition at the prompt too", async () => {
  const free = await ids(nets.gpt2, prompt, { maxTokens: 20 });
  const present = await ids(nets.gpt2, prompt, { maxTokens: 20, presencePenalty: 1e4 });
  expect(new Set(free).size).toBeLessThan(20);
  expect(new Set(present).size).toBe(20);
  const raised = Array.from({ length: 23 }, (_, id) => [id, 1000] as const);
  const options = { maxTokens: 19, logitBias: raised, repetitionPenalty: 1000 };
  const other = await ids(nets.gpt2, prompt, options);
  expect(new Set([...prompt, ...other]).size).toBe(4 + 19);
});

test("padding of a shorter prompt is not penalised", async () => {
  const options = { maxTokens: 8, repetitionPenalty: 3 };
  const pair = await generated(nets.gpt2, [prompt, [7, 2]], options);
  expect(byRow(pair)[1]).toEqual(await ids(nets.gpt2, [7, 2], options));
});

test("a bias names its token by id, as the vocabulary writes it, or as a text", async () => {
  const first = async (token: number | string): Promise<string> => {
    const [made] = await generated(speaking, "w1", { maxTokens: 1, logitBias: [[token, 1e3]] });
    return made!.text;
  };
  expect(await first(9)).toBe("w5");
  expect(await first("w5")).toBe("w5");
  expect(await first(" w5")).toBe("w5");
});

test("a stop string ends its row, and text, stream and complete agree on it", async () => {
  const options = { maxTokens: 30, temperature: 2, seed: 1, stop: [] };
  const [free] = await speaking.complete(["w1 w2"], options);
  const words = free!.split(" ");
  const stopString = `${words[3]!.slice(1)} ${words[4]!.slice(0, 2)}`;
  const expected = free!.slice(0, free!.indexOf(stopString));
  const stopped = { ...options, stopStrings: ["never", stopString] };
  const made = await generated(speaking, "w1 w2", stopped);
  expect(made.map(({ text }) => text).join("")).toBe(expected);
  expect(expected.length).toBeGreaterThan(5);
  expect(await speaking.complete(["w1 w2"], stopped)).toEqual([expected]);
});

test("text withheld for a stop string is told when the row ends otherwise", async () => {
  const options = { maxTokens: 8, temperature: 2, seed: 1 };
  const free = await generated(speaking, "w1 w2", options);
  const last = free[3]!;
  const stop = [free[4]!.id];
  expect(free.slice(0, 4).map(({ id }) => id)).not.toContain(stop[0]);
  const held = { ...options, stop, stopStrings: [`${last.text}!`] };
  expect(await generated(speaking, "w1 w2", held)).toMatchObject(
    free.slice(0, 4).map(({ id, text }) => ({ id, text })),
  );
});

test("stopAtJson ends a row with its value", async () => {
  const marks = makeTokenizer("marks", {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    post_processor: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: { a: 0, "[": 1, "]": 2, '"': 3 }, merges: [] },
  });
  const config = { ...tinyGpt2Config, vocab_size: 4 };
  const { params } = await tinyNetwork("gpt2", { config });
  const family = { family: gpt2Family, config: gpt2Family.config(config) };
  const net = buildNetwork({ name: "marks", ...family, params, tokenizer: marks });
  const options = { maxTokens: 60, temperature: 4, count: 8, stop: [] };
  const texts = await net.complete("a", { ...options, stopAtJson: true });
  const free = await net.complete("a", options);
  for (const [i, text] of texts.entries()) expect(free[i]!.startsWith(text)).toBe(true);
  expect(texts.filter((text) => /^[^[]*\[.*\]$|^"[^"]*"$/.test(text)).length).toBeGreaterThan(3);
});

describe("bad input", () => {
  const refused = (options: GenerateOptions, given: LanguageInput = prompt): Promise<unknown> =>
    nets.gpt2.generate(given, options).next();

  test("generation beyond the context is refused", async () => {
    await expect(refused({ maxTokens: 92 })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: generate: the prompt has 5 tokens, so the context of 96 has room for 91, not 92.
        fix: shorten the prompt or lower maxTokens.]
    `);
  });

  test("a prompt that fills the context leaves no room", async () => {
    await expect(
      refused(
        {},
        Array.from({ length: 96 }, () => 1),
      ),
    ).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: generate: the prompt has 96 tokens, so the context of 96 has room for 0, not 1.
        fix: shorten the prompt or lower maxTokens.]
    `);
  });

  test("maxTokens 0 is refused", async () => {
    await expect(refused({ maxTokens: 0 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: generate: maxTokens is 0, not a whole number of at least 1.]`,
    );
  });

  test("maxTokens 1.5 is refused", async () => {
    await expect(refused({ maxTokens: 1.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: generate: maxTokens is 1.5, not a whole number of at least 1.]`,
    );
  });

  test("sampling options outside their range are refused before anything runs", async () => {
    await expect(refused({ temperature: -1 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: generate: temperature is -1, not a number of at least 0.]`,
    );
    await expect(refused({ topP: 2 })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: generate: topP is 2, not a number above 0 and at most 1.]`,
    );
  });

  test.each<[GenerateOptions]>([
    [{ count: 0 }],
    [{ count: 1.5 }],
    [{ logProbabilities: -1 }],
    [{ logProbabilities: NaN }],
    [{ stopStrings: [""] }],
    [{ stopStrings: ["w1"] }],
    [{ stopAtJson: true }],
    [{ logitBias: [[23, 1]] }],
    [{ logitBias: [[1, Infinity]] }],
    [{ logitBias: [["w1", 1]] }],
  ])("%o is refused by a network of 23 ids and no tokenizer", async (options) => {
    await expect(refused(options)).rejects.toThrowErrorMatchingSnapshot();
  });

  test.each([["w1 w2"], ["cup"], [""]])("a bias of %o is refused", async (token) => {
    const options = { logitBias: [[token, 1] as const] };
    await expect(speaking.generate("w1", options).next()).rejects.toThrowErrorMatchingSnapshot();
  });

  test("an unknown site to record is refused", async () => {
    await expect(refused({ capture: "blocks.9.attn.z" })).rejects.toThrow("its blocks are 0..1");
  });

  test("an edit that matches nothing is refused", async () => {
    await expect(refused({ edit: { "blocks.*.moe": (x) => x } })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: generate: no site of tiny-gpt2 matches "blocks.*.moe".
        fix: the nearest are "blocks.0.mlp.pre", "blocks.0.mlp_out", "blocks.1.mlp.pre"; all 36 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a signal that was aborted before the start is obeyed", async () => {
    await expect(
      refused({ signal: AbortSignal.abort("enough") }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: generate: stopped by its signal after 0 tokens.]`,
    );
  });

  test("a signal that is aborted on the way ends the generation with its reason", async () => {
    const controller = new AbortController();
    const made: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { id } of nets.gpt2.generate(prompt, {
        maxTokens: 20,
        stop: [],
        signal: controller.signal,
      })) {
        made.push(id);
        if (made.length === 3) controller.abort("enough");
      }
    };
    await expect(run()).rejects.toMatchObject({ code: "ABORTED", cause: "enough" });
    expect(made).toHaveLength(3);
  });
});

test("what is recorded says which rows, positions, tokens and phases it is of", async () => {
  const prompts = [prompt, [7, 2]];
  const options = { maxTokens: 4, capture: "blocks.0.resid_post" };
  const made = await generated(nets.llama, prompts, { ...options, count: 2, temperature: 1 });
  const ofRow = (row: number): GeneratedToken[] => made.filter((token) => token.row === row);
  const [first, ...later] = ofRow(3);
  const given = prompts.map((ids, row) =>
    ids.map((id, position) => ({ row, position, id, phase: "prompt" })),
  );
  expect(first!.places).toEqual([given[0], [null, null, null, ...given[1]!]]);
  expect(first!.activations["blocks.0.resid_post"]!.shape.slice(0, 2)).toEqual([2, 5]);
  const ids = ofRow(3).map(({ id }) => id);
  for (const [step, { places, activations }] of later.entries()) {
    expect(activations["blocks.0.resid_post"]!.shape.slice(0, 2)).toEqual([4, 1]);
    expect(places[3]).toEqual([{ row: 3, position: 2 + step, id: ids[step], phase: "generated" }]);
  }
  for (const { places } of await generated(nets.llama, prompt, { maxTokens: 2 }))
    expect(places).toEqual([]);
});

test("prompts that are read in pieces of any size give what prompts read at once give", async () => {
  const interventions = [
    { kind: "scale" as const, site: "blocks.0.mlp_out", gain: 3, at: { positions: [-1, 1] } },
  ];
  const net = nets.llama;
  const given = net.tokens([[3, 1, 4, 1, 5, 9, 2], prompt, [8]]);
  for (const piece of [undefined, 1, 2, 3, 7, 16]) {
    const woven = new Woven(planFor(net, { interventions })!, 1);
    const predict: Beginning["predict"] = (inputs, _, tap) =>
      net.forward(net.params as never, inputs, tap);
    const made: GeneratedToken[] = [];
    const options = { maxTokens: 9, stop: [], temperature: 1 };
    for await (const token of generate(net, { batch: given, predict, woven, piece }, options))
      made.push(token);
    const whole = { ...options, interventions };
    const rows = await generated(
      net,
      { prompts: given.ids.map((row, i) => row.slice(row.length - given.lengths[i]!)) },
      whole,
    );
    expect(byRow(made)).toEqual(byRow(rows));
    for (const [i, { logProbability }] of made.entries())
      expect(Math.abs(logProbability - rows[i]!.logProbability)).toBeLessThanOrEqual(TOLERANCE);
  }
});
