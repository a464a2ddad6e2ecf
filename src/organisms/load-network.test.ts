import { pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { loadAny, loadEncoder, loadNetwork } from "../index.ts";
import { organismNames } from "./catalog.ts";
import { organismFolder } from "./place.ts";

test("a folder is opened by its path or by its URL", async () => {
  const byPath = await loadNetwork("test/golden/gpt2");
  const byUrl = await loadNetwork(pathToFileURL("test/golden/gpt2").href, { name: "golden" });
  expect(byPath.name).toBe("test/golden/gpt2");
  expect(byUrl.name).toBe("golden");
  expect(byUrl.sites()).toEqual(byPath.sites());
});

test("every organism has a folder of its own", () => {
  const folders = organismNames.map(organismFolder);
  expect(folders.map((folder) => folder.split("/").slice(-2).join("/"))).toEqual(
    organismNames.map((name) => `organisms/${name}`),
  );
});

test("an unknown organism is refused with those there are", async () => {
  await expect(loadNetwork("organism:unicorn")).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadNetwork: there is no organism "unicorn".
      fix: the nearest are induction, language, stories; \`patchclamp organisms\` lists all.]
  `);
});

test("a folder that is not there is named", async () => {
  await expect(loadNetwork("no/such/folder")).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: files: no/such/folder has no file "config.json".]`,
  );
});

test("weights in few bits are for networks that predict the next token", async () => {
  const place = "test/golden/bert";
  await expect(loadEncoder(place, { weights: "q4" })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: loadEncoder: test/golden/bert cannot be opened with q4 weights: only networks that predict the next token can.
      fix: leave out the form of the weights.]
  `);
  await expect(loadAny(place, { weights: "q8" })).rejects.toThrow(/with q8 weights/);
  const { kind } = await loadAny("test/golden/gpt2", { weights: "q8" });
  expect(kind).toBe("decoder");
});
