import { expect, test } from "vitest";

import { chooserOf, maskOf, placesOf, stepPlaces } from "./where.ts";

const rows = {
  ids: [
    [0, 0, 7, 8],
    [3, 4, 5, 6],
  ],
  lengths: [2, 4],
  padding: "left" as const,
};

test("places of padded rows count tokens from the first that is no padding", () => {
  expect(placesOf(rows)).toEqual({
    ids: [
      [7, 8],
      [3, 4, 5, 6],
    ],
    positions: [
      [-1, -1, 0, 1],
      [0, 1, 2, 3],
    ],
    promptLengths: [2, 4],
  });
  const right = {
    ...rows,
    ids: [
      [7, 8, 0, 0],
      [3, 4, 5, 6],
    ],
    padding: "right" as const,
  };
  expect(placesOf(right).positions[0]).toEqual([0, 1, -1, -1]);
});

test("a mask is 1 where a place is meant, and 0 elsewhere and at padding", () => {
  const mask = maskOf(chooserOf({ positions: [0, 3] }), placesOf(rows));
  expect([...mask]).toEqual([0, 0, 1, 0, 1, 0, 0, 1]);
});

test("the mask of a whole text is that of its prompt and its steps in turn", () => {
  const ids = [
    [3, 4, 5, 6, 4, 5],
    [9, 3, 4, 5, 4, 5],
  ];
  const prompts = [3, 3];
  const choosers = [
    chooserOf({ phase: "generated", tokens: [[4, 5], 3] }),
    chooserOf({ windows: [{ from: -2 }], exclude: { positions: [4] } }),
    chooserOf({ positions: [-1, 4], exclude: { phase: "generated", tokens: [5] } }),
  ];
  for (const choose of choosers) {
    const whole = maskOf(choose, placesOf({ ids, lengths: [6, 6], padding: "left" }, prompts));
    const prompt = ids.map((row) => row.slice(0, 3));
    const passes = [
      placesOf({ ids: prompt, lengths: prompts, padding: "left" }),
      ...[4, 5, 6].map((length) =>
        stepPlaces(
          ids.map((row) => row.slice(0, length)),
          prompts,
        ),
      ),
    ].map((places) => ({ mask: maskOf(choose, places), pos: places.positions[0]!.length }));
    for (const row of ids.keys()) {
      const steps = passes.flatMap(({ mask, pos }) => [
        ...mask.subarray(row * pos, (row + 1) * pos),
      ]);
      expect(steps).toEqual([...whole.subarray(row * 6, (row + 1) * 6)]);
    }
  }
});

test("texts to match are turned into tokens", () => {
  const encode = (text: string): number[] => (text === "four five" ? [4, 5] : []);
  const choose = chooserOf({ tokens: ["four five"] }, encode);
  expect([...maskOf(choose, placesOf(rows))]).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
  expect(() => chooserOf({ tokens: ["?"] }, encode)).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: the text "?" to match has no token.
      fix: name tokens by their ids.]
  `);
});

test("texts to match are refused where there is no tokenizer", () => {
  expect(() => chooserOf({ tokens: ["red"] })).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: interventions: the tokens to match are given as the text "red", and the network has no tokenizer.
      fix: name tokens by their ids.]
  `);
});
