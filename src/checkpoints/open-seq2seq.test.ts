import { describe, expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { maxDifference } from "../../test/tiny.ts";
import { memoryFiles } from "../core/files.ts";
import type { Files } from "../core/files.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { openNetwork } from "./load.ts";
import { openSeq2Seq } from "./open-seq2seq.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { TensorToStore } from "./safetensors.ts";

const given = { source: [2, 60, 28, 71], target: [3, 17, 60] };

interface Changes {
  /** What a tensor is called; undefined leaves it out. */
  readonly name?: (old: string) => string | undefined;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, TensorToStore>>;
  readonly generation?: Readonly<Record<string, unknown>>;
}

/** A golden's folder with some things changed. */
async function changed(golden: string, changes: Changes): Promise<Files> {
  const { name = (old) => old, config = {}, more = {}, generation } = changes;
  const { files } = await openGolden(golden);
  const { tensors } = await openCheckpoint(files);
  const stored: Record<string, TensorToStore> = { ...more };
  for (const [old, tensor] of tensors) {
    const now = name(old);
    const data = (await tensor.data()) as Float32Array;
    if (now !== undefined) stored[now] = { shape: tensor.shape, data: data.slice() };
  }
  const json = new TextDecoder().decode(await files.read("config.json"));
  const whole = { ...(JSON.parse(json) as Record<string, unknown>), ...config };
  return memoryFiles(
    {
      "config.json": JSON.stringify(whole),
      "model.safetensors": writeSafetensors(stored),
      ...(generation === undefined ? {} : { "generation_config.json": JSON.stringify(generation) }),
    },
    "folder",
  );
}

async function logits(files: Files): Promise<ArrayLike<number>> {
  const net = await openSeq2Seq(files, { check: false });
  return (await net.run(given)).logits.numbers();
}

describe("openSeq2Seq", () => {
  test("a pretrained BART's names begin with the body's or not, and its logits have no bias", async () => {
    const bare = await changed("bart-scaled", {
      name: (old) => (old === "final_logits_bias" ? undefined : old.replace(/^model\./, "")),
    });
    const biased = await changed("bart-scaled", {
      name: (old) => (old === "final_logits_bias" ? undefined : old),
    });
    const { files } = await openGolden("bart-scaled");
    expect(maxDifference(await logits(bare), await logits(biased))).toBe(0);
    expect(maxDifference(await logits(bare), await logits(files))).toBeGreaterThan(0.1);
  });

  test("copies of the embedding are passed over, an unembedding of its own counts", async () => {
    const { files } = await openGolden("t5");
    const { tensors } = await openCheckpoint(files);
    const embed = tensors.get("shared.weight")!;
    const data = (await embed.data()) as Float32Array;
    const { shape } = embed;
    const copies = {
      "encoder.embed_tokens.weight": { shape, data },
      "decoder.embed_tokens.weight": { shape, data },
      "lm_head.weight": { shape, data },
    };
    const plain = await logits(files);
    expect(maxDifference(await logits(await changed("t5", { more: copies })), plain)).toBe(0);
    const own = { "lm_head.weight": { shape, data: data.map((x) => 2 * x) } };
    const doubled = await logits(await changed("t5", { more: own }));
    // twice a number is exact in float32
    expect(
      maxDifference(
        doubled,
        Array.from(plain, (x) => 2 * x),
      ),
    ).toBe(0);
  });

  test("the start token is that of generation_config.json, or else the config's", async () => {
    const start = async (changes: Changes): Promise<number> =>
      (await openSeq2Seq(await changed("t5", changes), { check: false })).config.decoderStart;
    expect(await start({})).toBe(1);
    expect(await start({ config: { decoder_start_token_id: 7 } })).toBe(7);
    expect(await start({ generation: { decoder_start_token_id: 9 } })).toBe(9);
    expect(await start({ generation: { max_length: 20 } })).toBe(1);
  });

  test("a tensor without a place is refused", async () => {
    const more = { "encoder.adapter.weight": { shape: [2], data: Float32Array.of(1, 2) } };
    await expect(openSeq2Seq(await changed("t5", { more }))).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: folder holds 1 tensor that its config.json gives no place, such as "encoder.adapter.weight".
        fix: use the config.json that belongs to these weights.]
    `);
  });

  test("a start token outside the vocabulary is refused", async () => {
    const files = await changed("t5", { config: { decoder_start_token_id: 101 } });
    await expect(openSeq2Seq(files)).rejects.toThrow("token id 101 is not in the vocabulary");
  });

  test("networks of other kinds are sent to their own function, and the reverse", async () => {
    const { files: gpt2 } = await openGolden("gpt2");
    await expect(openSeq2Seq(gpt2)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadSeq2Seq: gpt2 is a network that predicts the next token, not a network that reads one text and writes another.
        fix: open it with loadNetwork.]
    `);
    const { files: t5 } = await openGolden("t5");
    await expect(openNetwork(t5)).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: loadNetwork: t5 is a network that reads one text and writes another, not a network that predicts the next token.
        fix: open it with loadSeq2Seq.]
    `);
  });
});
