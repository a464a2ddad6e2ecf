// GGUF files with bytes changed anywhere, or with the numbers changed that their heads are made of.

import * as fc from "fast-check";

import { openGguf } from "../../src/checkpoints/gguf/gguf.ts";
import { readGgufHeader } from "../../src/checkpoints/gguf/header.ts";
import type { GgufHeader } from "../../src/checkpoints/gguf/header.ts";
import { assembled } from "../../src/checkpoints/gguf/pieces.ts";
import { integers } from "../../src/checkpoints/gguf/quants.ts";
import { ggufTokenizer } from "../../src/checkpoints/gguf/tokenizer.ts";
import { familyParts } from "../../src/checkpoints/load.ts";
import { makeTokenizer } from "../../src/checkpoints/tokenizer/tokenizer.ts";
import type { Files } from "../../src/core/files.ts";
import { memoryFiles } from "../../src/core/files.ts";
import { damagedBytes } from "./bytes.ts";

/** What the fuzzed file is called in its folder. */
export const ggufPath = "x.gguf";

/** A number of the head, by its place in the file. */
interface Field {
  readonly at: number;
  readonly bytes: 1 | 4 | 8;
}

const small = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 31, 32, 33, 255, 256, 4096].map(BigInt);
const powers = [20n, 31n, 32n, 53n, 63n, 64n].flatMap((n) => [2n ** n, 2n ** n - 1n]);
const floats = [0, -0, 1, -1, 0.5, 1e-38, 3e38, Infinity, -Infinity, NaN];
const bitsOfFloats = floats.map((x) => BigInt(new Uint32Array(Float32Array.of(x).buffer)[0]!));

/** A file whose head, vocabulary or tensors are damaged. */
export async function damagedGguf(whole: Uint8Array): Promise<fc.Arbitrary<Uint8Array>> {
  const header = await readGgufHeader(memoryFiles({ [ggufPath]: whole }), ggufPath);
  const change = fc.tuple(
    fc.constantFrom(...fieldsOf(whole, header)),
    fc.constantFrom(...small, ...powers.map((n) => BigInt.asUintN(64, n)), ...bitsOfFloats),
  );
  const renumbered = fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const bytes = new Uint8Array(whole);
    const view = new DataView(bytes.buffer);
    for (const [{ at, bytes: width }, value] of changes) {
      if (width === 8) view.setBigUint64(at, value, true);
      else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), true);
      else view.setUint8(at, Number(value & 0xffn));
    }
    return bytes;
  });
  const renamed = fc
    .tuple(fc.constantFrom(...namesOf(whole, header)), fc.nat(40), fc.constantFrom(46, 48, 49, 120))
    .map(([[start, end], step, letter]) => {
      const bytes = new Uint8Array(whole);
      bytes[start + (step % (end - start))] = letter;
      return bytes;
    });
  return fc.oneof(renumbered, renamed, damagedBytes(whole));
}

/** Where the names of metadata and tensors stand. */
function namesOf(whole: Uint8Array, header: GgufHeader): (readonly [start: number, end: number])[] {
  return [...header.metadata.keys(), ...header.tensors.keys()].map((name) => {
    const end = placeAfter(whole, name, 24);
    return [end - new TextEncoder().encode(name).length, end];
  });
}

/** Version, counts, types, lengths, values, axes, sizes and offsets. */
function fieldsOf(whole: Uint8Array, { metadata, tensors }: GgufHeader): Field[] {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const fields: Field[] = [
    { at: 4, bytes: 4 },
    { at: 8, bytes: 8 },
    { at: 16, bytes: 8 },
  ];
  const put = (at: number, bytes: Field["bytes"]): void => void fields.push({ at, bytes });
  let from = 24;
  for (const key of metadata.keys()) {
    const at = placeAfter(whole, key, from);
    const type = view.getUint32(at, true);
    const isArray = type === 9;
    put(at, 4);
    put(at + 4, isArray ? 4 : widthOf(type));
    if (isArray) put(at + 8, 8);
    if (isArray) put(at + 16, widthOf(view.getUint32(at + 4, true)));
    from = at;
  }
  for (const name of tensors.keys()) {
    const at = placeAfter(whole, name, from);
    const axes = view.getUint32(at, true);
    put(at - name.length - 8, 8);
    put(at, 4);
    for (let axis = 0; axis < axes; axis++) put(at + 4 + 8 * axis, 8);
    put(at + 4 + 8 * axes, 4);
    put(at + 8 + 8 * axes, 8);
    from = at;
  }
  return fields;
}

/** Bytes of a value, or of what begins it. */
function widthOf(type: number): Field["bytes"] {
  if (type === 0 || type === 1 || type === 7) return 1;
  return type >= 8 && type !== 9 ? 8 : 4;
}

/** Where a name ends that stands with its length before it. */
function placeAfter(whole: Uint8Array, name: string, from: number): number {
  const text = new TextEncoder().encode(name);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  for (let at = from; at + text.length <= whole.length; at++) {
    if (!text.every((byte, i) => whole[at + i] === byte)) continue;
    if (view.getBigUint64(at - 8, true) === BigInt(text.length)) return at + text.length;
  }
  throw new Error(`the file does not hold "${name}"`);
}

/** What a file is an example of. */
export type Contents = "network" | "tensors" | "vocabulary";

/** Adds up bytes of numbers, those that are about to be read included. */
export type OnRead = (bytes: number) => void;

/** Opens what a file holds: a vocabulary, tensors of every type, or a network with its config, parameters and numbers. */
export async function readGguf(files: Files, holds: Contents, onRead: OnRead): Promise<void> {
  if (holds === "vocabulary") return readVocabulary(files);
  if (holds === "tensors") return readTensors(files, onRead);
  const source = await openGguf(files, ggufPath);
  for (const [name, { shape }] of source.checkpoint.tensors) {
    onRead(4 * shape.reduce((product, size) => product * size, 1));
    await source.checkpoint.float32(name);
  }
  await familyParts("loadNetwork", source, "decoder");
}

async function readVocabulary(files: Files): Promise<void> {
  const { metadata } = await readGgufHeader(files, ggufPath);
  const { tokenizerJson, tokenizerConfig } = ggufTokenizer(ggufPath, metadata);
  if (tokenizerJson === undefined) return;
  const tokenizer = makeTokenizer(ggufPath, tokenizerJson, tokenizerConfig);
  tokenizer.decode(tokenizer.encode("The cat: 日本 👍"));
}

async function readTensors(files: Files, onRead: OnRead): Promise<void> {
  const { tensors } = await readGgufHeader(files, ggufPath);
  for (const source of tensors.values()) {
    onRead(8 * source.size);
    const { type, begin, end, size } = source;
    if (type.unpack !== undefined) await assembled(files, ggufPath, { size, pieces: [{ source }] });
    else integers(type, await files.readRange(ggufPath, begin, end));
  }
}
