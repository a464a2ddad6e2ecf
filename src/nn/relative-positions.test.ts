import { expect, test } from "vitest";

import { tensor } from "../runtime/index.ts";
import { NEVER } from "./masks.ts";
import { bucketBias, bucketOf } from "./relative-positions.ts";

// Where the bucket changes, as [first offset, bucket], of offsets -200..200: what `T5Attention._relative_position_bucket` of
// transformers 5.23.0 gives with float32 on a CPU.
const BOTH_WAYS_32_128 =
  "-200:15 -90:14 -63:13 -45:12 -31:11 -22:10 -15:9 -11:8 -7:7 -6:6 -5:5 -4:4 -3:3 -2:2 -1:1 0:0 1:17 2:18 3:19 4:20 5:21 6:22 7:23 8:24 12:25 16:26 23:27 32:28 46:29 64:30 91:31";
const BACK_32_128 =
  "-200:31 -112:30 -98:29 -86:28 -76:27 -66:26 -58:25 -51:24 -45:23 -39:22 -34:21 -30:20 -26:19 -23:18 -20:17 -18:16 -15:15 -14:14 -13:13 -12:12 -11:11 -10:10 -9:9 -8:8 -7:7 -6:6 -5:5 -4:4 -3:3 -2:2 -1:1 0:0";
const BACK_31_100 =
  "-200:30 -88:29 -78:28 -70:27 -62:26 -55:25 -49:24 -43:23 -38:22 -34:21 -30:20 -27:19 -24:18 -21:17 -19:16 -16:15 -14:14 -13:13 -12:12 -11:11 -10:10 -9:9 -8:8 -7:7 -6:6 -5:5 -4:4 -3:3 -2:2 -1:1 0:0";

test.each([
  [{ nBuckets: 32, maxDistance: 128, looksBothWays: true }, BOTH_WAYS_32_128],
  [{ nBuckets: 32, maxDistance: 128, looksBothWays: false }, BACK_32_128],
  [{ nBuckets: 31, maxDistance: 100, looksBothWays: false }, BACK_31_100],
  [{ nBuckets: 8, maxDistance: 20, looksBothWays: true }, "-200:3 -6:2 -1:1 0:0 1:5 2:6 7:7"],
  [
    { nBuckets: 8, maxDistance: 20, looksBothWays: false },
    "-200:7 -13:6 -8:5 -5:4 -3:3 -2:2 -1:1 0:0",
  ],
  [{ nBuckets: 6, maxDistance: 9, looksBothWays: true }, "-200:2 -2:1 0:0 1:4 3:5"],
])("the buckets of %j change where those of transformers do", (form, expected) => {
  const changes: string[] = [];
  for (let offset = -200; offset <= 200; offset++) {
    const bucket = bucketOf(offset, form);
    if (offset === -200 || bucketOf(offset - 1, form) !== bucket)
      changes.push(`${offset}:${bucket}`);
  }
  expect(changes.join(" ")).toBe(expected);
});

test("the bias of a head is its table's row for the bucket of key minus query, and the mask is added", async () => {
  const form = { nBuckets: 4, maxDistance: 3, looksBothWays: true };
  // bucket 0: the query itself; 1: before it; 3: after it
  const table = tensor([
    [10, 100],
    [11, 101],
    [12, 102],
    [13, 103],
  ]);
  const positions = tensor([[4, 9]], { dtype: "int32" });
  const keyPositions = tensor([[3, 4, 9]], { dtype: "int32" });
  const mask = tensor([[[[0, 0, NEVER]]]]);
  const bias = bucketBias({ positions, keyPositions, mask }, table, form);
  expect(bias.shape).toEqual([1, 2, 2, 3]);
  const hidden = Math.fround(NEVER);
  expect([...(await bias.numbers())].join(" ")).toBe(
    `11 10 ${hidden} 11 11 ${hidden} 101 100 ${hidden} 101 101 ${hidden}`,
  );
});
