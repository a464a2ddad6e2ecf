import { expect, test } from "vitest";

import { tensor } from "../../runtime/index.ts";
import { toyAutoencoder } from "./toy-autoencoder.ts";

/** Three features in two dimensions. */
const network = toyAutoencoder("toy", {
  weight: tensor([
    [1, 0, -1],
    [0, 2, 1],
  ]),
  bias: tensor([0.5, 0, -1]),
});

test("it computes ReLU(W^T W x + b)", async () => {
  const pass = await network.run([[1, 0.5, 0]], { capture: ["input", "hidden", "output"] });
  expect([...(await pass.at("input").numbers())]).toEqual([1, 0.5, 0]);
  // W x = [1, 1];  W^T [1, 1] + b = [1.5, 2, -1], of which the last is cut off
  expect([...(await pass.at("hidden").numbers())]).toEqual([1, 1]);
  expect([...(await pass.at("output").numbers())]).toEqual([1.5, 2, 0]);
});

test("its sites are those of the paper", () => {
  expect(network.sites().map(({ name }) => name)).toEqual(["input", "hidden", "output"]);
});

test("a feature that is taken out of the hidden layer is missing from the output", async () => {
  const off = (x: ReturnType<typeof tensor>) => x.sub(tensor([[0, 2]]).mul(0.5));
  const pass = await network.run([[1, 0.5, 0]], { edit: { hidden: off } });
  expect([...(await pass.at("output").numbers())]).toEqual([1.5, 0, 0]);
});

test("rows may be a tensor, and rows of another width are refused", async () => {
  const pass = await network.run(tensor([[0, 1, 0]]));
  expect([...(await pass.at("output").numbers())]).toEqual([0.5, 4, 1]);
  await expect(network.run([[1, 0]])).rejects.toThrowErrorMatchingInlineSnapshot(`[PatchClampError: toy: expected rows of 3 features, [rows, 3], got [1, 2].]`);
});
