import { expect, test } from "vitest";

import { hash32 } from "../src/core/rng.ts";
import { COUNTERS, WORDS } from "./rng-stream.ts";

test.each(WORDS)("in Node the stream of seed %i is the recorded one", (seed, words) => {
  expect(COUNTERS.map((counter) => hash32(seed, counter))).toEqual(words);
});
