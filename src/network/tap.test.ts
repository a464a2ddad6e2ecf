import { expect, test } from "vitest";

import { identity, ones, tensor } from "../runtime/index.ts";
import type { Edit } from "./tap.ts";
import { recordingTap } from "./tap.ts";

const edits = (site: string, ...list: Edit[]): ReadonlyMap<string, readonly Edit[]> =>
  new Map([[site, list]]);

test("a tap without edits returns the very tensor it is given", () => {
  const x = ones([2]);
  const { tap, sites } = recordingTap();
  expect(tap("x", x)).toBe(x);
  expect(sites.get("x")).toBe(x);
});

test("scopes nest and join their names with dots", () => {
  const { tap, sites } = recordingTap();
  tap.in("blocks.0").in("attn")("q", ones([1]));
  tap("embed", ones([1]));
  expect([...sites.keys()]).toEqual(["blocks.0.attn.q", "embed"]);
});

test("edits on one site apply in the order given", async () => {
  const { tap } = recordingTap({
    edits: edits(
      "x",
      (x) => x.add(1),
      (x) => x.mul(10),
    ),
  });
  expect(await tap("x", tensor([2])).data()).toEqual(Float32Array.of(30));
});

test("an edit sees its site's name and what was recorded before it", () => {
  let seen: unknown;
  const edit: Edit = (x, { site, sites }) => {
    seen = [site, [...sites.keys()]];
    return x;
  };
  const { tap } = recordingTap({ edits: edits("b", edit) });
  tap("a", ones([1]));
  tap("b", ones([1]));
  expect(seen).toEqual(["b", ["a"]]);
});

test("what is recorded is the value after the edits", async () => {
  const { tap, sites } = recordingTap({ edits: edits("x", (x) => x.neg()) });
  const after = tap("x", tensor([3]));
  expect(sites.get("x")).toBe(after);
  expect(await after.data()).toEqual(Float32Array.of(-3));
});

test("a watched site goes on as a node of its own, edited or not", () => {
  const x = ones([2]);
  const elsewhere = identity(ones([2]));
  const plain = recordingTap({ watched: new Set(["x"]) });
  expect(plain.tap("x", x)).not.toBe(x);
  const edited = recordingTap({ watched: new Set(["x"]), edits: edits("x", () => elsewhere) });
  expect(edited.tap("x", x)).not.toBe(elsewhere);
});

test("one name for two values is refused", () => {
  const { tap } = recordingTap();
  tap("x", ones([1]));
  expect(() => tap("x", ones([1]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: tap: the network names two values "x".
      fix: give every tap of a network a name of its own; tap.in(scope) adds a prefix.]
  `);
});

test("an edit that changes the shape is refused with both shapes", () => {
  const { tap } = recordingTap({ edits: edits("x", (x) => x.sum({ axis: 0 })) });
  expect(() => tap("x", ones([2, 3]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: edit: the edit at "x" made float32[3] of float32[2, 3].
      fix: return a tensor of the same shape and type; broadcastTo repeats a smaller one.]
  `);
});

test("an edit that changes the type is refused with both types", () => {
  const { tap } = recordingTap({ edits: edits("x", (x) => x.cast("int32")) });
  expect(() => tap("x", ones([2]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: edit: the edit at "x" made int32[2] of float32[2].
      fix: return a tensor of the same shape and type; broadcastTo repeats a smaller one.]
  `);
});

test("an edit that forgets to return is refused", () => {
  const { tap } = recordingTap({ edits: edits("x", (() => undefined) as unknown as Edit) });
  expect(() => tap("x", ones([2]))).toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: edit: the edit at "x" returned undefined, not a tensor.
      fix: return the new value; tensors are never changed in place.]
  `);
});

test("rows may be added only where the trace allows it", () => {
  const grow: Edit = (x) => x.broadcastTo([3, 2]);
  const { tap } = recordingTap({ edits: edits("x", grow), canGrow: true });
  const grown = tap("x", ones([1, 2]));
  expect(grown.shape).toEqual([3, 2]);
  const strict = recordingTap({ edits: edits("x", grow) });
  expect(() => strict.tap("x", ones([1, 2]))).toThrow("float32[3, 2] of float32[1, 2]");
});
