import { expect, test } from "vitest";

import { openGolden } from "../../test/golden/read.ts";
import { openEncoder } from "../checkpoints/open-encoder.ts";
import type { EncoderNetwork } from "../network/encoder.ts";

const ids = [3, 4, 5, 6, 7, 8, 9];

// layers 0 global, 1 and 2 local with a reach of two positions on either side
const encoder = async (): Promise<EncoderNetwork> =>
  openEncoder((await openGolden("modernbert")).files, { check: false });

/** Which keys a query has any probability for, by head 0. */
async function seen(net: EncoderNetwork, layer: number, query: number): Promise<number[]> {
  const site = `blocks.${layer}.attn.pattern`;
  const pattern = await (await net.run(ids, { capture: site })).at(site).numbers();
  const row = [...pattern].slice(query * ids.length, (query + 1) * ids.length);
  return row.flatMap((probability, key) => (probability > 0 ? [key] : []));
}

test("a global layer sees every position, a local one those within reach on both sides", async () => {
  const net = await encoder();
  expect(await seen(net, 0, 3)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(await seen(net, 1, 3)).toEqual([1, 2, 3, 4, 5]);
  expect(await seen(net, 2, 0)).toEqual([0, 1, 2]);
});

test("a change out of reach of both local layers does not arrive", async () => {
  const net = await encoder();
  const first = async (changed: readonly number[]): Promise<number[]> => {
    const other = net.trace(changed);
    const own = net.trace(ids);
    // what the global layer made of another last token, at the last position only
    const out = await net.run(ids, {
      edit: {
        "blocks.0.resid_post": () =>
          own
            .at("blocks.0.resid_post")
            .slice({ axis: 1, end: 6 })
            .pad({ axis: 1, before: 0, after: 1 })
            .add(
              other
                .at("blocks.0.resid_post")
                .slice({ axis: 1, start: 6 })
                .pad({ axis: 1, before: 6, after: 0 }),
            ),
      },
      capture: "hidden",
    });
    return [...(await out.at("hidden").numbers())];
  };
  const before = await first(ids);
  const after = await first([...ids.slice(0, 6), 50]);
  const moved = ids.flatMap((_, pos) =>
    before.slice(pos * 16, (pos + 1) * 16).some((x, i) => x !== after[pos * 16 + i]) ? [pos] : [],
  );
  expect(moved).toEqual([2, 3, 4, 5, 6]);
});

test("the first block reads the normalised embeddings as they are", async () => {
  await expect((await encoder()).run(ids, { capture: "blocks.0.ln1.normalized" })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: run: modernbert has no site "blocks.0.ln1.normalized": its first block reads the normalised embeddings as they are.
      fix: the nearest are "blocks.0.ln2.normalized", "blocks.1.ln1.normalized", "blocks.2.ln1.normalized"; all 64 are listed by \`patchclamp sites\`.]
  `);
});
