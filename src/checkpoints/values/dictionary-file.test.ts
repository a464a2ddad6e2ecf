import * as fc from "fast-check";
import { expect, test } from "vitest";

import { damagedBytes } from "../../../test/fuzz/bytes.ts";
import { PatchClampError } from "../../core/errors.ts";
import { Rng } from "../../core/rng.ts";
import type { DictionaryInput } from "../../values/dictionary.ts";
import { dictionary } from "../../values/dictionary.ts";
import { featureIntervention } from "../../values/dictionary-feature.ts";
import { readDictionary, writeDictionary } from "./dictionary-file.ts";
import { readInterventions, writeInterventions } from "./intervention-file.ts";

const rng = new Rng(3);
const network = { network: "tiny", hash: "0a1b", dModel: 4 };
const full: DictionaryInput = {
  name: "small",
  site: "blocks.0.resid_post",
  encoder: { weight: { shape: [3, 4], data: rng.normals(12) }, bias: rng.normals(3) },
  decoder: { weight: { shape: [3, 4], data: rng.normals(12) }, bias: rng.normals(4) },
  activation: { kind: "jumprelu", threshold: [0, 1, 2] },
  isCentred: true,
  normalisation: "norm",
  madeFor: network,
  note: "random",
};
const small = writeDictionary(full);

test("a file gives back the dictionary that was written, and the same one the same bytes", async () => {
  const read = await readDictionary(small, { network });
  expect(read).toEqual({ dictionary: dictionary(full), origin: "same" });
  expect(writeDictionary(read.dictionary)).toEqual(small);
});

test("a dictionary for a network of another width is refused, for another network told", async () => {
  const other = { ...network, hash: "f" };
  expect((await readDictionary(small, { network: other })).origin).toBe("different");
  const wide = { ...network, dModel: 8 };
  await expect(readDictionary(small, { network: wide })).rejects
    .toThrowErrorMatchingInlineSnapshot(`
    [PatchClampError: readDictionary: this was made for tiny, which is 4 numbers wide; tiny is 8 wide.
      fix: use it with the network it was made for, or make it again for this one.]
  `);
});

test("a set of interventions is no dictionary", async () => {
  const set = { interventions: [featureIntervention(dictionary(full), { index: 1, value: 2 })] };
  const bytes = writeInterventions(set);
  await expect(readDictionary(bytes)).rejects.toThrowErrorMatchingInlineSnapshot(
    `[PatchClampError: readDictionary: the file has no description "patchclamp.dictionary": it holds patchclamp.intervention.]`,
  );
});

test("a feature in a file of interventions takes a few rows of a large dictionary along", async () => {
  const weight = { shape: [4096, 64], data: rng.normals(4096 * 64) };
  const large = dictionary({
    site: "embed",
    encoder: { weight, bias: rng.normals(4096) },
    decoder: { weight, bias: rng.normals(64) },
    activation: { kind: "relu" },
    isCentred: true,
  });
  const set = { interventions: [featureIntervention(large, { index: 4095, value: 2 })] };
  const bytes = writeInterventions(set);
  expect(bytes.length).toBeLessThan(2000);
  expect((await readInterventions(bytes)).set.interventions).toEqual(set.interventions);
});

test("of 500 damaged files each is refused or read, and none does anything else", async () => {
  const counts = { refused: 0, read: 0 };
  const attempt = async (bytes: Uint8Array): Promise<void> => {
    try {
      const { dictionary: read } = await readDictionary(bytes);
      expect((await readDictionary(writeDictionary(read))).dictionary).toEqual(read);
      counts.read++;
    } catch (error) {
      if (!(error instanceof PatchClampError)) throw error;
      counts.refused++;
    }
  };
  await fc.assert(fc.asyncProperty(damagedBytes(small), attempt), { seed: 7, numRuns: 500 });
  expect(counts.read + counts.refused).toBe(500);
  expect(counts.read).toBeGreaterThan(5);
  expect(counts.refused).toBeGreaterThan(200);
});
