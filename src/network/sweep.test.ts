import { beforeAll, describe, expect, test } from "vitest";

import { maxDifference, tinyNetwork } from "../../test/tiny.ts";
import { evaluate, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import type { LanguageNetwork } from "./language.ts";
import type { Cell, CellGrid, Cells, SweepOptions } from "./sweep.ts";
import { everyLayerAndHead, everyLayerAndPosition, sweep } from "./sweep.ts";

const clean = [3, 1, 4, 1, 5];
const corrupt = [3, 7, 4, 8, 5];
// float32 through two blocks, in a batch of another size
const TOLERANCE = 2e-5;

const nets = {} as Record<"gpt2" | "llama", LanguageNetwork>;
beforeAll(async () => {
  nets.gpt2 = await tinyNetwork("gpt2");
  nets.llama = await tinyNetwork("llama");
});

/** Logit of token 6 minus that of token 9 at the last position, [rows]. */
function metric(logits: Tensor): Tensor {
  const last = logits.slice({ axis: 1, start: -1 }).squeeze(1);
  const of = (id: number): Tensor => last.slice({ axis: 1, start: id, end: id + 1 }).squeeze(1);
  return of(6).sub(of(9));
}

/** `corrupt` with the part of `clean` that a cell names, element by element. */
function writtenIn(own: Tensor, from: Tensor, { site, position, head }: Cell): Tensor {
  const isMatrix = /\.(scores|pattern)$/.test(site);
  const mask = own.shape.map((size, axis) => {
    const wanted =
      axis === (isMatrix ? 2 : 1) ? position : axis === (isMatrix ? 1 : 2) ? head : undefined;
    const ones = Array.from({ length: size }, (_, i) =>
      Number(wanted === undefined || wanted === i),
    );
    return tensor(ones).reshape(own.shape.map((_, i) => (i === axis ? size : 1)));
  });
  const here = mask.reduce((product, factor) => product.mul(factor));
  return own.mul(here.neg().add(1)).add(from.mul(here));
}

/** Every cell by a pass of its own. */
async function oneByOne(net: LanguageNetwork, cells: readonly Cell[]): Promise<number[]> {
  const source = net.trace(clean);
  const values = cells.map((cell) =>
    metric(
      net.trace(corrupt, { edit: { [cell.site]: (x) => writtenIn(x, source.at(cell.site), cell) } })
        .logits,
    ),
  );
  await evaluate(values);
  return Promise.all(values.map((value) => value.item()));
}

async function expectSame(
  net: LanguageNetwork,
  cells: Cells,
  options: Partial<SweepOptions> = {},
): Promise<void> {
  const found = await net.sweep({ clean, corrupt, cells, metric, ...options });
  const wanted = await oneByOne(net, found.cells.flat());
  expect(maxDifference(found.values.flat(), wanted)).toBeLessThanOrEqual(TOLERANCE);
  expect(found.values.map((row) => row.length)).toEqual(found.cells.map((row) => row.length));
  expect(new Set(wanted.map((value) => value.toFixed(3))).size).toBeGreaterThan(1);
}

const grid =
  (...rows: Cell[][]): Cells =>
  () => ({
    rows: rows.map((_, i) => `${i}`),
    columns: rows[0]!.map((_, i) => `${i}`),
    cells: rows,
  });

describe.each(["gpt2", "llama"] as const)("%s", (name) => {
  test.each(["resid_pre", "mlp_out"])(
    "every layer and position of %s equals one pass a cell",
    async (site) => expectSame(nets[name], everyLayerAndPosition(site)),
  );

  test.each(["attn.z", "attn.k", "attn.pattern"])(
    "every layer and head of %s equals one pass a cell",
    async (site) => expectSame(nets[name], everyLayerAndHead(site)),
  );

  test("cells of one position and one head equal one pass a cell", async () => {
    const sites = ["attn.result", "attn.pattern", "attn.v"].map((site) => `blocks.0.${site}`);
    await expectSame(
      nets[name],
      grid(
        ...sites.map((site) =>
          [1, 3].flatMap((position) => [0, 1].map((head) => ({ site, position, head }))),
        ),
      ),
    );
  });

  test("cells in any order of layers and sites equal one pass a cell", async () => {
    await expectSame(
      nets[name],
      grid(
        [
          { site: "blocks.1.attn.z", head: 0 },
          { site: "blocks.0.resid_mid", position: 3 },
        ],
        [
          { site: "logits", position: 4 },
          { site: "embed", position: 1 },
        ],
        [{ site: "blocks.1.resid_post" }, { site: "blocks.0.mlp.post", position: 1 }],
        [
          { site: "ln_final.normalized", position: 4 },
          { site: "blocks.0.attn.z", head: 1 },
        ],
      ),
    );
  });

  test("cells named as other libraries do are the same cells", async () => {
    const own = await nets[name].sweep({
      clean,
      corrupt,
      cells: everyLayerAndPosition("resid_pre"),
      metric,
    });
    const other = await nets[name].sweep({
      clean,
      corrupt,
      cells: everyLayerAndPosition("hook_resid_pre"),
      metric,
    });
    expect(maxDifference(own.values.flat(), other.values.flat())).toBeLessThanOrEqual(TOLERANCE);
  });
});

test("cells split over several graphs give the same values", async () => {
  const cells = everyLayerAndPosition("resid_pre");
  const whole = await nets.gpt2.sweep({ clean, corrupt, cells, metric });
  // 2 rows of baselines and 3 cells, of 5 tokens each; then the least there can be
  for (const maxTokens of [25, 1]) {
    const split = await nets.gpt2.sweep({ clean, corrupt, cells, metric, maxTokens });
    expect(maxDifference(split.values.flat(), whole.values.flat())).toBeLessThanOrEqual(TOLERANCE);
    expect([split.clean, split.corrupt]).toEqual([
      expect.closeTo(whole.clean, 4),
      expect.closeTo(whole.corrupt, 4),
    ]);
  }
});

test("the baselines are the metric of the two prompts alone", async () => {
  const found = await nets.gpt2.sweep({ clean, corrupt, cells: everyLayerAndHead(), metric });
  const alone = async (ids: number[]): Promise<number> =>
    metric((await nets.gpt2.run(ids)).logits).item();
  expect(found.clean).toBeCloseTo(await alone(clean), 4);
  expect(found.corrupt).toBeCloseTo(await alone(corrupt), 4);
  expect(Math.abs(found.clean - found.corrupt)).toBeGreaterThan(0.1);
});

test("the whole residual stream brings the clean metric", async () => {
  const cells = grid([{ site: "blocks.0.resid_pre" }, { site: "blocks.1.resid_post" }]);
  const found = await sweep(nets.gpt2, { clean, corrupt, cells, metric });
  expect(maxDifference(found.values[0]!, [found.clean, found.clean])).toBeLessThanOrEqual(
    TOLERANCE,
  );
});

test("rows and columns are named by layers, tokens and heads", async () => {
  const named = await tinyNetwork("gpt2", { words: ["Mira", "gave"] });
  const tokens = ["<bos>", "Mira", "gave"];
  expect(everyLayerAndPosition("resid_pre")(named, tokens)).toMatchObject({
    rows: ["0", "1"],
    columns: tokens,
  });
  const found = await named.sweep({
    clean: "Mira gave",
    corrupt: "gave gave",
    cells: everyLayerAndPosition("mlp_out"),
    metric,
  });
  expect(found.columns).toEqual(tokens);
  expect(everyLayerAndHead("attn.k")(nets.llama, []).columns).toEqual(["0", "1"]);
  expect(everyLayerAndHead("attn.q")(nets.llama, []).columns).toEqual(["0", "1", "2", "3"]);
});

describe("bad input", () => {
  const refused = (options: Partial<SweepOptions>): Promise<unknown> =>
    nets.gpt2.sweep({ clean, corrupt, cells: everyLayerAndHead(), metric, ...options });
  const cell = (one: Cell): Cells => grid([one]);

  test("prompts of unequal length are refused", async () => {
    await expect(refused({ corrupt: [1, 2] })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: the clean prompt has 5 tokens and the corrupt one 2; their positions cannot be matched.
        fix: choose prompts of equal length.]
    `);
  });

  test("a metric that gives one number for all rows is refused", async () => {
    await expect(refused({ metric: (logits) => logits.sum() })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: the metric gave shape [] for 6 rows.
        fix: return one number a row, such as logits.slice({ axis: 1, start: -1 }) at an id, squeezed to [rows].]
    `);
  });

  test("a position out of range is refused", async () => {
    await expect(
      refused({ cells: cell({ site: "blocks.0.resid_pre", position: 5 }) }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: sweep: position 5 does not exist at "blocks.0.resid_pre", which has 5.]`,
    );
    await expect(
      refused({ cells: cell({ site: "blocks.0.attn.pattern", position: -1 }) }),
    ).rejects.toThrow("position -1");
  });

  test("a head out of range is refused", async () => {
    await expect(
      refused({ cells: cell({ site: "blocks.0.attn.z", head: 2 }) }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: sweep: head 2 does not exist at "blocks.0.attn.z", which has 2.]`,
    );
  });

  test("a head at a site without heads is refused", async () => {
    await expect(
      refused({ cells: cell({ site: "blocks.0.mlp_out", head: 0 }) }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[PatchClampError: sweep: head 0 does not exist at "blocks.0.mlp_out", which has no heads.]`,
    );
  });

  test("a site that does not exist is refused", async () => {
    await expect(refused({ cells: everyLayerAndHead("attn.w") })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: tiny-gpt2 has no site "blocks.0.attn.w".
        fix: the nearest are "blocks.0.attn.k", "blocks.0.attn.q", "blocks.0.attn.v"; all 36 are listed by \`patchclamp sites\`.]
    `);
  });

  test("a pattern of sites is refused, because a cell is one site", async () => {
    await expect(refused({ cells: cell({ site: "blocks.*.attn.z" }) })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: "blocks.*.attn.z" matches 2 sites of tiny-gpt2, where one is meant.
        fix: name one of them, such as "blocks.0.attn.z".]
    `);
  });

  test("position embeddings, which all rows share, cannot be patched", async () => {
    await expect(refused({ cells: cell({ site: "pos_embed" }) })).rejects
      .toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: "pos_embed" has one value for both prompts, so there is nothing to patch.
        fix: leave its cells out.]
    `);
  });

  test("a grid without cells is refused", async () => {
    const none: CellGrid = { rows: [], columns: [], cells: [] };
    await expect(refused({ cells: () => none })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [PatchClampError: sweep: the grid has no cells, so nothing would be patched.
        fix: give at least one.]
    `);
  });
});
