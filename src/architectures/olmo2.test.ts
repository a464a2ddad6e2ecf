import { expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { readGolden } from "../../test/golden/read.ts";
import { openNetwork } from "../checkpoints/load.ts";
import type { Tensor } from "../runtime/index.ts";
import { olmo2Config, olmo2Family } from "./olmo2.ts";

// Keys of the config.json of allenai/OLMo-2-1124-7B on the Hub.
test("the config of OLMo 2 7B is read", () => {
  const published = {
    architectures: ["Olmo2ForCausalLM"],
    attention_bias: false,
    attention_dropout: 0.0,
    eos_token_id: 100257,
    hidden_act: "silu",
    hidden_size: 4096,
    initializer_range: 0.02,
    intermediate_size: 11008,
    max_position_embeddings: 4096,
    model_type: "olmo2",
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 32,
    pad_token_id: 100277,
    rms_norm_eps: 1e-6,
    rope_scaling: null,
    rope_theta: 500000,
    tie_word_embeddings: false,
    torch_dtype: "float32",
    transformers_version: "4.47.0.dev0",
    use_cache: false,
    vocab_size: 100352,
  };
  expect(olmo2Config(published)).toMatchObject({
    dHead: 128,
    epsilon: 1e-6,
    rope: { theta: 500000 },
    biases: { qkv: false, o: false, mlp: false },
  });
});

test("epsilon is a hundred thousandth where nothing is said", () => {
  expect(olmo2Config({}).epsilon).toBe(1e-5);
});

test("a key of the first OLMo is refused", () => {
  expect(() => olmo2Config({ clip_qkv: 8 })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: olmo2Config: config key "clip_qkv" = 8 may change the numbers and is not handled.
      fix: if it changes nothing, add it to the family's ignored keys; otherwise the family must learn it.]
  `);
});

test("gains of queries and keys are as wide as all their heads", () => {
  const config = olmo2Config({ num_hidden_layers: 1, num_key_value_heads: 8 });
  const shapes = new Map(olmo2Family.layout(config).map(({ path, shape }) => [path, shape]));
  expect(shapes.get("blocks.0.attn.qNorm.weight")).toEqual([4096]);
  expect(shapes.get("blocks.0.attn.kNorm.weight")).toEqual([1024]);
});

test("a block without norms before its modules says where they are", async () => {
  const { files, prompts } = await readGolden("olmo2");
  const net = await openNetwork(files, { check: false });
  const run = net.run(prompts[0].ids, { capture: "blocks.0.ln1.normalized" });
  await expect(run).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: olmo2 has no site "blocks.0.ln1.normalized": attention reads the stream as it is, and its output is normalised: see ln1_post.
      fix: the nearest are "blocks.0.ln1_post.normalized", "blocks.0.ln2_post.normalized", "blocks.1.ln1_post.normalized"; all 49 are listed by \`patchclamp sites\`.]
  `);
});

test("doubling what attention gives changes nothing, for it is normalised; doubling what it adds does", async () => {
  const { files, prompts } = await readGolden("olmo2");
  const net = await openNetwork(files, { check: false });
  const logits = async (site?: string): Promise<ArrayLike<number>> => {
    const edit = site === undefined ? {} : { [`blocks.0.${site}`]: (x: Tensor) => x.mul(2) };
    return (await net.run(prompts[0].ids, { edit })).logits.numbers();
  };
  const plain = await logits();
  // epsilon is 1e-5 beside mean squares of 0.1 and more, on logits of order 1
  expect(maxDifference(await logits("attn.raw_out"), plain)).toBeLessThanOrEqual(1e-3);
  expect(maxDifference(await logits("attn_out"), plain)).toBeGreaterThan(0.01);
});
