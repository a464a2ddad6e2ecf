import { expect, test } from "vitest";

import { goldensOf, readGolden } from "../../test/golden/read.ts";
import { tinyNetwork } from "../../test/tiny.ts";
import { openNetwork } from "../checkpoints/load.ts";
import { checkInvariants } from "./invariants.ts";
import { LanguageNetwork } from "./language.ts";
import type { DecoderInputs } from "./prompt.ts";
import type { Tap } from "./tap.ts";

test.each(await goldensOf("decoder"))(
  "%s obeys every identity to float32 precision",
  async (name) => {
    const net = await openNetwork((await readGolden(name)).files, { check: false });
    const found = await checkInvariants(net);
    // a tenth of what a network may be off by: float32 sums of up to 100 terms
    expect(found.filter(({ error }) => !(error <= 2e-5))).toEqual([]);
  },
);

test("what is checked follows from the sites that a network has", async () => {
  const found = await checkInvariants(await tinyNetwork("gpt2"));
  expect(found.map(({ claim }) => claim)).toEqual([
    "pattern rows sum to 1",
    "pattern times values is z",
    "resid_pre and what the block writes is resid_post",
    "going on from the recorded values gives the same logits",
    "an added vector of scale 0 changes nothing",
    "cached decoding equals the full pass",
  ]);
});

/** A tiny GPT-2 whose taps give back something else than they recorded. */
async function broken(
  change: (name: string, inputs: DecoderInputs, isWatched: boolean) => number,
): Promise<LanguageNetwork> {
  const net = await tinyNetwork("gpt2");
  return new LanguageNetwork({
    name: "broken",
    config: net.config,
    params: net.params,
    forward: (params, inputs, tap) => {
      const scaled = (prefix: string, under: Tap): Tap =>
        Object.assign(
          (name: string, x: ReturnType<Tap>) => {
            const recorded = under(name, x);
            const factor = change(prefix + name, inputs, recorded !== x);
            return factor === 1 ? recorded : recorded.mul(factor);
          },
          { in: (scope: string) => scaled(`${prefix}${scope}.`, under.in(scope)) },
        );
      return net.forward(params, inputs, scaled("", tap));
    },
  });
}

test("a module whose output is scaled after its tap is refused, naming the claim", async () => {
  const net = await broken((name) => (name === "blocks.1.attn_out" ? 1.01 : 1));
  await expect(checkInvariants(net)).rejects.toThrow(
    '"resid_pre and what the block writes is resid_post" is off by',
  );
  await expect(checkInvariants(net)).rejects.toMatchObject({ code: "INVARIANT_BROKEN" });
});

test("a pattern scaled after its tap is refused, naming the claim", async () => {
  const net = await broken((name) => (name === "blocks.0.attn.pattern" ? 0.99 : 1));
  await expect(checkInvariants(net)).rejects.toThrow('"pattern times values is z" is off by');
});

test("a norm that shows another value than it uses is refused, naming the claim", async () => {
  const net = await broken((name, _, isWatched) =>
    name === "ln_final.normalized" && isWatched ? 1.01 : 1,
  );
  await expect(checkInvariants(net)).rejects.toThrow(
    '"going on from the recorded values gives the same logits" is off by',
  );
});

test("decoding that differs from the full pass is refused, naming the claim", async () => {
  const isStep = ({ tokens }: DecoderInputs): boolean => tokens.shape[1] === 1;
  const net = await broken((name, inputs) => (name === "embed" && isStep(inputs) ? 1.1 : 1));
  await expect(checkInvariants(net)).rejects.toThrow(
    '"cached decoding equals the full pass" is off by',
  );
});

test("an unbroken network under the same wrapper is accepted", async () => {
  await expect(checkInvariants(await broken(() => 1))).resolves.toHaveLength(6);
});

test("numbers that are no numbers are refused", async () => {
  const net = await broken((name) => (name === "blocks.0.mlp_out" ? NaN : 1));
  await expect(checkInvariants(net)).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: in broken, "pattern rows sum to 1" is off by NaN of its scale, so some of its numbers are wrong.
      fix: check that the weights belong to this config.]
  `);
});

test("a vocabulary of one token and a context of one position leave nothing to decode", async () => {
  const net = await tinyNetwork("gpt2", { config: { n_positions: 1, vocab_size: 1 } });
  const found = await checkInvariants(net);
  expect(found.at(-1)).toEqual({ claim: "cached decoding equals the full pass", error: 0 });
  expect(await (await net.run([0])).logits.softmax({ axis: -1 }).data()).toEqual(
    Float32Array.of(1),
  );
});
