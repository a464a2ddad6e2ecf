// JSON with something in it changed, as text: what a damaged, a hand-written or a hostile file would hold.

import * as fc from "fast-check";

/** One change: where, by steps into objects and lists, and what becomes of the value there. */
interface Change {
  readonly path: readonly number[];
  readonly edit: (value: unknown) => unknown;
  readonly place: "value" | "gone" | "added";
  readonly key: string;
}

/** Stands for text that no JSON value is written as. */
const raw = (name: string): string => `\u0000${name}\u0000`;
const rawTexts: Readonly<Record<string, string>> = {
  // beyond every stack and every number
  deep: "[".repeat(20_000) + "]".repeat(20_000),
  deepObject: '{"type":'.repeat(5000) + "0" + "}".repeat(5000),
  overflow: "1e999",
  nan: "NaN",
  minusInfinity: "-Infinity",
  proto: '{"__proto__":{"type":"BPE"},"toString":1,"valueOf":1,"constructor":null}',
  twice: '{"a":1,"a":2}',
};

const small = [0, 1, 2, 3, 4, 7, 8, 16, 64, 1024, 0.5, 0.1, 1e-300];
const large = [1e12, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e19, 1e300];
const lists = [[], [[]], [null], [1, 2, 3], [0.5], [-1], ["a"], ["x", "y"]];
const texts = [
  "",
  "1",
  "gelu",
  "silu",
  "default",
  "linear",
  "yarn",
  "Sequence",
  "__proto__",
  "[",
  "(?i",
  "a b",
  "\uD800",
];

/** Values that no reader expects, and some that one may. */
const strange: readonly unknown[] = [
  ...small.concat(large).flatMap((x) => [x, -x]),
  ...Object.keys(rawTexts).map(raw),
  ...lists,
  ...texts,
  null,
  true,
  false,
  {},
  { a: 1 },
  "x".repeat(5000),
  "[".repeat(2000),
  { type: "Sequence", decoders: [] },
  { type: "BPE", vocab: {}, merges: [] },
  { __float__: "Infinity" },
  { id: "A", type_id: 0 },
];

const scaled = [2, 3, 0.5, -1, 10, 1e6, 1e-6];

const edit: fc.Arbitrary<Change["edit"]> = fc.oneof(
  fc.constantFrom(...strange).map((value) => () => value),
  fc.jsonValue({ maxDepth: 2 }).map((value) => () => value),
  // small changes, so that some are accepted
  fc
    .tuple(fc.constantFrom(...scaled), fc.integer({ min: -2, max: 2 }))
    .map(([factor, sum]) => (value: unknown) => {
      if (typeof value === "number") return value * factor + sum;
      if (typeof value === "boolean") return !value;
      if (Array.isArray(value)) return [...(value as unknown[]), ...(value as unknown[])];
      return typeof value === "string" ? value.slice(0, sum) : { wrapped: value };
    }),
  fc.constant((value: unknown) => [value]),
  fc.constant((value: unknown) => JSON.stringify(value)),
);

/**
 * JSON as it is, or with up to four values changed, keys taken out or put in.
 *
 * @param json - what to start from
 * @param keys - names that somebody reads, and so are worth adding
 */
export function mutatedJson(json: unknown, keys: readonly string[] = []): fc.Arbitrary<string> {
  const change: fc.Arbitrary<Change> = fc.record({
    path: fc.array(fc.nat(400), { minLength: 1, maxLength: 5 }),
    edit,
    place: fc.constantFrom("value", "value", "value", "gone", "added"),
    key: fc.constantFrom("__proto__", "constructor", "toString", "length", "", "0", ...keys),
  });
  return fc
    .array(change, { maxLength: 4 })
    .map((changes) => written(changes.reduce<unknown>(changed, json)));
}

/** The JSON text of a value, with the texts that no value is written as. */
function written(json: unknown): string {
  const text = JSON.stringify(json) ?? "";
  return text.replaceAll(/"\\u0000(\w+)\\u0000"/g, (_, name: string) => rawTexts[name] ?? "null");
}

function changed(json: unknown, change: Change): unknown {
  const { path, edit, place, key } = change;
  const [step, ...rest] = path;
  if (step === undefined || typeof json !== "object" || json === null) return edit(json);
  const keys = Object.keys(json);
  if (place === "added" && rest.length === 0) return withEntry(json, key, edit(null));
  if (keys.length === 0) return edit(json);
  const at = keys[step % keys.length]!;
  const inner = (json as Record<string, unknown>)[at];
  const isLeaf = typeof inner !== "object" || inner === null || rest.length === 0;
  if (place === "gone" && isLeaf) return withoutEntry(json, at);
  return withEntry(json, at, changed(inner, { ...change, path: rest }));
}

function withEntry(json: object, key: string, value: unknown): unknown {
  if (!Array.isArray(json)) return Object.fromEntries([...Object.entries(json), [key, value]]);
  const at = Number(key);
  return Number.isInteger(at) && at < json.length ? json.with(at, value) : [...json, value];
}

function withoutEntry(json: object, key: string): unknown {
  if (Array.isArray(json)) return json.toSpliced(Number(key), 1);
  return Object.fromEntries(Object.entries(json).filter(([own]) => own !== key));
}
