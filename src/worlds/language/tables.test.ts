import { array, assert, constantFrom, integer, property, tuple } from "fast-check";
import { expect, test } from "vitest";

import { Rng } from "../../core/rng.ts";
import { splitOf } from "../split.ts";
import { toText } from "../words.ts";
import type { Text } from "./skill.ts";
import { lookUp, readTable, tables, writeTable } from "./tables.ts";
import type { Table, TablesLabel } from "./tables.ts";

function draw(seed: number, rows = 3, columns = 2, questions = 3): Text<TablesLabel> {
  return tables.draw(new Rng(seed), { rows, columns, questions });
}

const texts = Array.from({ length: 300 }, (_, seed) =>
  draw(seed, 2 + (seed % 3), 2 + (seed % 2), 2 + (seed % 3)),
);

test("the texts of the first seeds stay what they are", () => {
  expect([1, 2, 3, 4].map((seed) => toText(draw(seed).words))).toMatchInlineSnapshot(`
    [
      "| name | pet | job |; | Finn | fox | baker |; | Emil | horse | driver |; | Noah | goat | writer |. what is the pet of Emil? horse. what is the job of Finn? baker. who has the pet fox? Finn.",
      "name = Leo, colour = pink, food = noodles; name = Olga, colour = yellow, food = apples; name = Lily, colour = brown, food = cheese. who has the food cheese? Lily. what is the food of Leo? noodles. who has the colour brown? Lily.",
      "| name | colour | pet |; | Dario | black | duck |; | Mei | yellow | parrot |; | Emil | pink | goat |. what is the colour of Emil? pink. what is the pet of Emil? goat. what is the colour of Dario? black.",
      "Clara has the job writer and the pet mouse. Dora has the job driver and the pet goose. Nora has the job singer and the pet goat. who has the pet goose? Dora. who has the job singer? Nora. who has the job writer? Clara.",
    ]
  `);
});

test("the label of a text stays what it is", () => {
  expect(draw(1, 2, 2, 2).label).toMatchInlineSnapshot(`
    {
      "form": "table",
      "questions": [
        {
          "about": "Finn",
          "column": "pet",
          "wanted": "cell",
        },
        {
          "about": "baker",
          "column": "job",
          "wanted": "name",
        },
      ],
      "table": {
        "columns": [
          "name",
          "pet",
          "job",
        ],
        "rows": [
          [
            "Finn",
            "fox",
            "baker",
          ],
          [
            "Emil",
            "horse",
            "driver",
          ],
        ],
      },
    }
  `);
});

/** Every fact of a text, such as `Mira food soup`, read off its words whatever the form. */
function factsOf(given: string): Set<string> {
  const table = readTable(given.split(" "));
  if (table !== undefined) {
    const { columns, rows } = table;
    return new Set(
      rows.flatMap(([name, ...cells]) => cells.map((c, k) => `${name} ${columns[k + 1]} ${c}`)),
    );
  }
  const facts = given.split(/ [;.](?: |$)/).flatMap((row) => {
    const name = /^(?:name = )?(\w+)/.exec(row)?.[1];
    const pairs = [...row.matchAll(/, (\w+) = (\w+)|the (\w+) (\w+)/g)];
    return pairs.map(([, a, b, c, d]) => `${name} ${a ?? c} ${b ?? d}`);
  });
  return new Set(facts);
}

/** What a text claims, beside the facts that it was given. */
function claimsOf(words: readonly string[]): { given: Set<string>; claims: string[] } {
  const text = words.join(" ");
  const [before, again] = text.split(/ \. (?:as a table|in words) : /);
  if (again !== undefined) {
    return { given: factsOf(before!), claims: [...factsOf(again.replace(/ \.$/, ""))] };
  }
  const start = text.search(/(what is|who has) the /);
  const asked = text.slice(start).matchAll(/(\w+) \w+ the (\w+)(?: of)? (\w+) \? (\w+) \./g);
  const claims = [...asked].map(([, wanted, column, about, answer]) =>
    wanted === "what" ? `${about} ${column} ${answer}` : `${answer} ${column} ${about}`,
  );
  return { given: factsOf(text.slice(0, start - " . ".length)), claims };
}

test("every answer can be read off the words before it, in counterfactuals too", () => {
  for (const { words, counterfactual, label } of texts) {
    for (const { given, claims } of [claimsOf(words), claimsOf(counterfactual!)]) {
      expect(claims).toHaveLength(
        label.rewritten === undefined ? label.questions.length : given.size,
      );
      expect(claims.filter((claim) => !given.has(claim))).toEqual([]);
    }
  }
});

test("answers are what the table says", () => {
  for (const { words, answers, label } of texts) {
    const { table: one, questions, rewritten } = label;
    const read = new Set(answers.map(({ start }) => words[start]));
    const cells = [...one.columns, ...one.rows.flat()].slice(rewritten === "sentences" ? 1 : 0);
    const wanted = questions.map((question) => lookUp(one, question));
    expect(read).toEqual(new Set(rewritten === undefined ? wanted : cells));
  }
});

test("the counterfactual has as many words and another last answer", () => {
  for (const { words, answers, counterfactual } of texts) {
    const { start } = answers.at(-1)!;
    expect(counterfactual).toHaveLength(words.length);
    expect(counterfactual![start]).not.toBe(words[start]);
    const changed = words
      .slice(0, answers[0]!.start)
      .filter((word, i) => word !== counterfactual![i]);
    expect(changed).toHaveLength(2); // the two cells that are exchanged
  }
});

const cell = constantFrom("Mira", "soup", "red", "7", "Kest");
const table = tuple(integer({ min: 1, max: 4 }), integer({ min: 1, max: 4 })).chain(
  ([wide, high]) =>
    tuple(
      array(cell, { minLength: wide, maxLength: wide }),
      array(array(cell, { minLength: wide, maxLength: wide }), {
        minLength: high,
        maxLength: high,
      }),
    ).map(([columns, rows]): Table => ({ columns, rows })),
);

test("a table comes back from its words", () => {
  assert(
    property(table, (one) => {
      expect(readTable(writeTable(one))).toEqual(one);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test.each([
  ["nothing", ""],
  ["a head alone", "| name | food |"],
  ["a row that is too short", "| name | food | ; | Mira |"],
  ["a row that does not end", "| name | food | ; | Mira | soup"],
  ["an empty cell", "| name | food | ; | Mira | |"],
  ["a record", "name = Mira , food = soup"],
  ["a full stop after it", "| name | food | ; | Mira | soup | ."],
])("%s is no table", (_what, text) => {
  expect(readTable(text.split(" "))).toBeUndefined();
});

test("a question about what is not there has no answer", () => {
  const { table: one } = draw(1).label;
  expect(lookUp(one, { wanted: "cell", column: "age", about: one.rows[0]![0]! })).toBeUndefined();
  expect(lookUp(one, { wanted: "name", column: one.columns[1]!, about: "Nobody" })).toBeUndefined();
});

test("the knobs count rows, columns and questions", () => {
  for (const [seed, { label }] of texts.entries()) {
    expect(label.table.rows).toHaveLength(2 + (seed % 3));
    expect(label.table.columns).toHaveLength(3 + (seed % 2));
    expect(label.questions).toHaveLength(label.rewritten === undefined ? 2 + (seed % 3) : 0);
  }
});

test("a table with one column is asked about no cell twice", () => {
  for (const { label, words, answers } of Array.from({ length: 60 }, (_, seed) =>
    draw(seed, 3, 1, 6),
  )) {
    if (label.rewritten !== undefined) continue;
    expect(label.questions).toHaveLength(3);
    expect(answers.map(({ start }) => words[start])).toEqual(
      label.questions.map((question) => lookUp(label.table, question)),
    );
  }
});

test("both tasks and all forms occur", () => {
  const ways = texts.map(
    ({ label: { form, rewritten } }) => `${form} to ${rewritten ?? "answers"}`,
  );
  expect([...new Set(ways)].toSorted()).toEqual([
    "records to answers",
    "sentences to answers",
    "sentences to table",
    "table to answers",
    "table to sentences",
  ]);
});

test("texts are made of the vocabulary, none too long, and a key is one table", () => {
  const known = new Set(tables.vocabulary);
  expect(texts.flatMap(({ words }) => words).filter((word) => !known.has(word))).toEqual([]);
  const largest = Array.from({ length: 100 }, (_, seed) => draw(seed, 4, 3, 6).words.length);
  expect(Math.max(...largest)).toBeLessThanOrEqual(118);
  expect(new Set(texts.map(({ key }) => key)).size).toBe(texts.length);
  const heldOut = texts.filter(({ key }) => splitOf(key) === "heldOut").length / texts.length;
  expect(Math.abs(heldOut - 1 / 8)).toBeLessThan(0.08); // 4 standard errors of 300 draws
});
