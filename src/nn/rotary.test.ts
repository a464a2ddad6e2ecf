import { describe, expect, test } from "vitest";

import { maxDifference } from "../../test/tiny.ts";
import { randn, tensor } from "../runtime/index.ts";
import type { Tensor } from "../runtime/index.ts";
import { rotaryAngles, rotate } from "./rotary.ts";

const rows = (x: Tensor): Promise<ArrayLike<number>> => x.numbers();

describe("rotary positions", () => {
  const positions = tensor([[0, 1, 5]], { dtype: "int32" });

  test("position 0 is not turned, and a quarter turn swaps the halves of a pair", async () => {
    const quarter = Float32Array.of(Math.PI / 2);
    const x = tensor([[[[2, 3]], [[2, 3]], [[2, 3]]]]);
    const turned = await rows(rotate(x, rotaryAngles(positions, quarter)));
    // the angle 5 pi / 2 is off by half a unit of its last place, 5e-7, times 3
    expect(maxDifference(turned, [2, 3, -3, 2, -3, 2])).toBeLessThanOrEqual(2e-6);
  });

  test("turning keeps lengths, and products depend on the distance of positions alone", async () => {
    const frequencies = Float32Array.of(1, 0.3);
    const q = randn([1, 1, 1, 4], { seed: 1 });
    const k = randn([1, 1, 1, 4], { seed: 2 });
    const dot = async (at: number, other: number): Promise<number> => {
      const turn = (x: Tensor, i: number): Tensor =>
        rotate(x, rotaryAngles(tensor([[i]], { dtype: "int32" }), frequencies));
      return turn(q, at).mul(turn(k, other)).sum().item();
    };
    expect(Math.abs((await dot(3, 1)) - (await dot(12, 10)))).toBeLessThanOrEqual(1e-5);
    expect(Math.abs((await dot(3, 1)) - (await dot(3, 2)))).toBeGreaterThan(0.01);
    const turned = rotate(q, rotaryAngles(tensor([[7]], { dtype: "int32" }), frequencies));
    expect(
      Math.abs((await turned.square().sum().item()) - (await q.square().sum().item())),
    ).toBeLessThanOrEqual(1e-5);
  });

  test("heads before positions, or positions before heads: each is turned by its position", async () => {
    const x = randn([2, 3, 4, 6], { seed: 1 });
    const { cos, sin } = rotaryAngles(
      tensor(
        [
          [0, 1, 5],
          [2, 3, 4],
        ],
        { dtype: "int32" },
      ),
      Float32Array.of(1, 0.3),
    );
    const order = [0, 2, 1, 3];
    const byHead = { cos: cos.transpose(order), sin: sin.transpose(order) };
    const other = rotate(x.transpose(order), byHead).transpose(order);
    // float32 products of order 1
    expect(
      maxDifference(await rows(rotate(x, { cos, sin })), await rows(other)),
    ).toBeLessThanOrEqual(1e-6);
  });
});
