import { expect, test } from "vitest";

import { networkHash } from "./network-hash.ts";

const weights = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];

test("a network has one hash, however its config is ordered", () => {
  const hash = networkHash({ a: 1, b: { c: [1, 2], d: null } }, weights);
  expect(hash).toMatch(/^[0-9a-f]{32}$/);
  expect(networkHash({ b: { d: null, c: [1, 2] }, a: 1 }, weights)).toBe(hash);
});

test("another config, another weight or another cut of the weights is another hash", () => {
  const hashes = [
    networkHash({ a: 1 }, weights),
    networkHash({ a: 2 }, weights),
    networkHash({ a: 1 }, [Uint8Array.of(1, 2, 4), Uint8Array.of(4)]),
    networkHash({ a: 1 }, [Uint8Array.of(1, 2), Uint8Array.of(3, 4)]),
    networkHash({ a: 1 }, []),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});
