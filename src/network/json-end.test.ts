import * as fc from "fast-check";
import { expect, test } from "vitest";

import { JsonEnd } from "./json-end.ts";

/** What belongs to the value, when the text comes in pieces of the given length; undefined when it has no end. */
function upToEnd(text: string, length: number): string | undefined {
  const end = new JsonEnd();
  for (let at = 0; at < text.length; at += length) {
    const found = end.add(text.slice(at, at + length));
    if (found !== undefined) return text.slice(0, at + found);
  }
  return undefined;
}

const branch = fc
  .oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), fc.string())
  .map((value) => JSON.stringify(value, null, 1));

test("any list, object or string ends where it ends, whatever follows and however it is cut", () => {
  fc.assert(
    fc.property(branch, fc.string(), fc.integer({ min: 1, max: 9 }), (json, rest, length) => {
      expect(upToEnd(`\n ${json}${rest}`, length)).toBe(`\n ${json}`);
      expect(upToEnd(`\n ${json.slice(0, -1)}`, length)).toBeUndefined();
    }),
    { seed: 6 },
  );
});

test("words before an object are let by, quoted ones too", () => {
  expect(upToEnd('the "best" ] answer: {"a": "}"} and [1]', 3)).toBe(
    'the "best" ] answer: {"a": "}"}',
  );
});

test("an escaped quote does not end a string", () => {
  expect(upToEnd(String.raw`"a\"b\\" c`, 1)).toBe(String.raw`"a\"b\\"`);
});
