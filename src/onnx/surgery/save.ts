// Writing a model: its own bytes in parts, and large numbers beside it, of which nothing is held in memory.

import { PatchClampError } from "../../core/errors.ts";
import type { Files } from "../../core/files.ts";
import { writeParts } from "../../core/files.ts";
import type { Field } from "../message.ts";
import type { ExternalData } from "../model.ts";
import { storedSize } from "../model.ts";
import type { Document, FreshData } from "./document.ts";
import { sizeOfParts } from "./document.ts";
import type { Place } from "./edit.ts";
import { changeInner, withData } from "./edit.ts";
import type { InitializerView } from "./graph-view.ts";
import { tensorsIn } from "./graph-view.ts";
import { checkedLocation, folderOf } from "./location.ts";
import { inOrder, range, roomAt } from "./streams.ts";

/** What was written. */
export interface Saved {
  /** Paths of the files that were written, the model last. */
  readonly written: readonly string[];
  /** Paths of the other files that the model reads. */
  readonly kept: readonly string[];
}

/** Protobuf messages end below 2 GiB; the rest is room for what stands beside tensors. */
const LARGEST_MODEL = 2_000_000_000;
/** Where tensors begin in a file, in bytes: at the pages by which files are mapped into memory. */
const ALIGNMENT = 4096;
/** The share of a file that must be in use for it to be copied as it is. */
const WORTH_COPYING = 0.9;

/** Numbers that go into a new file. */
interface Item {
  readonly field: Field;
  readonly sizeBytes: number;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** Writes a model and the numbers that lie beside it. */
export async function saved(document: Document, files: Files, path: string): Promise<Saved> {
  const { stay, move } = await placesOf(document, files, path);
  const fresh = freshIn(document);
  const inlineBytes = sizeOfParts(document.parts()) + total(fresh.map(({ data }) => data));
  const isBeside = stay.length + move.length > 0 || inlineBytes > LARGEST_MODEL;
  const items = [...move, ...(isBeside ? fresh.map(itemOf) : [])];
  const folder = folderOf(path);
  const written: string[] = [];
  const changes = new Map<Field, Field>();
  if (items.length > 0) {
    const name = await freeName(files, path, stay);
    await writeParts(files, folder + name, stretches(items));
    written.push(folder + name);
    for (const [field, place] of laidOut(name, items))
      changes.set(
        field,
        changeInner(field, (inner) => withData(inner, place)),
      );
  }
  const complete = replacedFields(document, changes);
  const parts = isBeside ? complete.parts() : (await withFreshInline(complete)).parts();
  await writeParts(files, path, inOrder(parts));
  return { written: [...written, path], kept: stay.map((location) => folder + location) };
}

/** The bytes of a model with all new numbers in it. */
export async function bytesOfDocument(document: Document): Promise<Uint8Array> {
  const parts = (await withFreshInline(document)).parts();
  const bytes = new Uint8Array(sizeOfParts(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

interface Places {
  /** Files beside the model that it goes on reading. */
  readonly stay: readonly string[];
  /** Numbers of other files that go into the new one. */
  readonly move: readonly Item[];
}

/** What becomes of the files that the model reads. In another folder they are copied, or what is needed of them is. */
async function placesOf(document: Document, files: Files, path: string): Promise<Places> {
  const users = usersOf(document);
  const { source } = document;
  const folder = folderOf(path);
  const own = path.slice(folder.length);
  if (source?.files === files && folderOf(source.path) === folder) {
    if (users.has(own)) throw overItsData(path);
    return { stay: [...users.keys()], move: [] };
  }
  const stay: string[] = [];
  const move: Item[] = [];
  for (const [location, { views, isPinned }] of users) {
    if (source === undefined) {
      if (!(await files.exists(folder + location))) throw sourceless(location);
      stay.push(location);
      continue;
    }
    const from = folderOf(source.path) + location;
    const size = await source.files.size(from);
    const used = views.reduce((sum, view) => sum + storedSize(view.type, view.shape), 0);
    const isWhole = isPinned || used >= WORTH_COPYING * size;
    const room =
      isWhole && location !== own && (await roomAt(source.files, from, files, folder + location));
    if (room !== false) {
      if (room === "free")
        await writeParts(files, folder + location, range(source.files, from, 0, size));
      stay.push(location);
    } else if (isPinned) throw overItsData(folder + location);
    else move.push(...views.map((view) => movedItem(source.files, from, view)));
  }
  return { stay, move };
}

interface Users {
  /** Constants of the graph that lie in the file. */
  readonly views: InitializerView[];
  /** Whether something else reads it, whose message is not rewritten. */
  isPinned: boolean;
}

/** Who reads each of the files beside the model. */
function usersOf({ graph, fresh }: Document): Map<string, Users> {
  const users = new Map<string, Users>();
  const usersAt = ({ location }: ExternalData): Users => {
    const path = checkedLocation("surgery.save", location);
    const known = users.get(path) ?? { views: [], isPinned: false };
    users.set(path, known);
    return known;
  };
  for (const view of graph.initializers.values()) {
    const { data } = view;
    if (!(data instanceof Uint8Array) && !fresh.has(data.location)) usersAt(data).views.push(view);
  }
  for (const { data } of graph.nodes.flatMap(tensorsIn))
    if (!(data instanceof Uint8Array)) usersAt(data).isPinned = true;
  return users;
}

function movedItem(files: Files, path: string, view: InitializerView): Item {
  const { offset } = view.data as ExternalData;
  const sizeBytes = storedSize(view.type, view.shape);
  return {
    field: view.field,
    sizeBytes,
    chunks: () => range(files, path, offset, offset + sizeBytes),
  };
}

interface FreshConstant {
  readonly view: InitializerView;
  readonly data: FreshData;
}

function freshIn({ graph, fresh }: Document): FreshConstant[] {
  return [...graph.initializers.values()].flatMap((view) => {
    const data = view.data instanceof Uint8Array ? undefined : fresh.get(view.data.location);
    return data === undefined ? [] : [{ view, data }];
  });
}

function itemOf({ view, data }: FreshConstant): Item {
  const { sizeBytes } = data;
  return {
    field: view.field,
    sizeBytes,
    async *chunks() {
      yield await data.bytes();
    },
  };
}

function total(data: readonly { readonly sizeBytes: number }[]): number {
  return data.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

async function withFreshInline(document: Document): Promise<Document> {
  const changes = new Map<Field, Field>();
  for (const { view, data } of freshIn(document)) {
    const bytes = await data.bytes();
    changes.set(
      view.field,
      changeInner(view.field, (inner) => withData(inner, bytes)),
    );
  }
  return replacedFields(document, changes);
}

function replacedFields(document: Document, changes: ReadonlyMap<Field, Field>): Document {
  if (changes.size === 0) return document;
  return document.withGraph(document.graph.fields.map((field) => changes.get(field) ?? field));
}

/** Where each item begins. */
function laidOut(location: string, items: readonly Item[]): [Field, Place][] {
  let at = 0;
  return items.map(({ field, sizeBytes }) => {
    const offset = Math.ceil(at / ALIGNMENT) * ALIGNMENT;
    at = offset + sizeBytes;
    return [field, { location, offset, length: sizeBytes }];
  });
}

async function* stretches(items: readonly Item[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const { sizeBytes, chunks } of items) {
    const padding = -at & (ALIGNMENT - 1);
    if (padding > 0) yield new Uint8Array(padding);
    yield* chunks();
    at = (at + padding + sizeBytes) % ALIGNMENT;
  }
}

/** A name beside the model that no file has: files that others read are never written over. */
async function freeName(files: Files, path: string, taken: readonly string[]): Promise<string> {
  const folder = folderOf(path);
  const stem = path.slice(folder.length);
  for (let i = 0; ; i++) {
    const name = i === 0 ? `${stem}.data` : `${stem}.${i}.data`;
    if (!taken.includes(name) && !(await files.exists(folder + name))) return name;
  }
}

function overItsData(path: string): PatchClampError {
  return new PatchClampError("BAD_OPTION", {
    where: "surgery.save",
    problem: `"${path}" is taken by a file that the model reads its numbers from, or by another with its name.`,
    fix: "save under another name or in an empty folder.",
    facts: { path },
  });
}

function sourceless(location: string): PatchClampError {
  return new PatchClampError("BAD_INPUT", {
    where: "surgery.save",
    problem: `the model reads ${JSON.stringify(location)}, which is not in the folder, and it was given as bytes.`,
    fix: "open it with surgery({ files, path }).",
    facts: { location },
  });
}
