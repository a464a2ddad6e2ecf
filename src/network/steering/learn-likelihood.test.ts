import { expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../../test/tiny.ts";
import { Rng } from "../../core/rng.ts";
import { tensor } from "../../runtime/index.ts";
import type { LanguageNetwork } from "../language.ts";
import { contrastRows } from "./contrast.ts";
import { preferenceShift, textLikelihoods } from "./learn-likelihood.ts";

const words = Array.from({ length: 19 }, (_, i) => `w${i}`);
const site = "blocks.0.resid_post";
const vector = new Rng(3).normals(16);

/** log p of tokens `from` on, of one text that is run alone. */
async function alone(
  net: LanguageNetwork,
  ids: readonly number[],
  { from, strength }: { from: number; strength: number },
): Promise<number> {
  const edit = { [site]: (x: ReturnType<typeof tensor>) => x.add(tensor(vector).mul(strength)) };
  const { logits } = await net.run(ids, { edit });
  const nats = await logits.logSoftmax().numbers();
  const { dVocab } = net.config;
  return ids.slice(from).reduce((sum, id, i) => sum + nats[(from + i - 1) * dVocab + id]!, 0);
}

test.each(["gpt2", "llama"] as const)(
  "the likelihood of a padded text of a %s is the sum over its tokens, of its answer if it has one",
  async (family) => {
    const net = await tinyNetwork(family, { words });
    const contrasts = [
      { positive: ["w1 w2 w3 w4", "w5"], negative: ["w6 w7"] },
      { pairs: [{ prompt: "w1 w2", positive: " w3 w4", negative: " w5" }] },
    ];
    for (const contrast of contrasts) {
      const { positive, negative } = contrastRows("test", net, contrast);
      const rows = [...positive, ...negative];
      const edit = { site, apply: (x: ReturnType<typeof tensor>) => x.add(tensor(vector)) };
      const found = await textLikelihoods(net, rows, edit);
      const expected = await Promise.all(
        rows.map(({ ids, answer = 1 }) => alone(net, ids, { from: answer, strength: 1 })),
      );
      expect(maxDifference(found, expected)).toBeLessThan(1e-4);
    }
  },
);

test("the preference shift is half the change of the odds between texts from strength -1 to 1", async () => {
  const net = await tinyNetwork("gpt2", { words });
  const rows = contrastRows("test", net, { positive: ["w1 w2", "w3 w4 w5"], negative: ["w6 w7"] });
  const changes = async (side: (typeof rows)["positive"]): Promise<number> => {
    const each = await Promise.all(
      side.map(async ({ ids }) => {
        const [up, down] = [
          await alone(net, ids, { from: 1, strength: 1 }),
          await alone(net, ids, { from: 1, strength: -1 }),
        ];
        return (up - down) / 2;
      }),
    );
    return each.reduce((sum, x) => sum + x, 0) / each.length;
  };
  const expected = (await changes(rows.positive)) - (await changes(rows.negative));
  expect(await preferenceShift(net, rows, { site, vector })).toBeCloseTo(expected, 4);
  expect(Math.abs(expected)).toBeGreaterThan(0.01);
});
