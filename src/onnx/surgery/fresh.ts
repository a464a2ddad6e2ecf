// Constants whose numbers are new. Large ones are not held in the graph: they are made when the model is written.

import type { Field } from "../message.ts";
import { bytesField, messageOf } from "../message.ts";
import type { FreshData } from "./document.ts";
import type { NewTensor } from "./edit.ts";
import { innerFields, tensorField, withData } from "./edit.ts";

/** Bytes from which on numbers are kept out of the graph. */
const LARGE = 65_536;

/**
 * A new constant as a field of a graph.
 *
 * @param fresh - takes its numbers where there are many
 */
export function newConstant(
  fresh: Map<string, FreshData>,
  tensor: NewTensor & { readonly data: Uint8Array },
): Field {
  const { data } = tensor;
  if (data.length < LARGE) return tensorField(5, tensor);
  const place = placeFor(fresh, { sizeBytes: data.length, bytes: async () => data });
  return tensorField(5, { ...tensor, data: place });
}

/** A constant with other numbers, which are made when the model is written. */
export function withFreshData(fresh: Map<string, FreshData>, field: Field, data: FreshData): Field {
  return bytesField(field.no, messageOf(withData(innerFields(field), placeFor(fresh, data))));
}

/** No file has such a name, and none is read from such a place: see `checkedLocation`. */
function placeFor(
  fresh: Map<string, FreshData>,
  data: FreshData,
): { location: string; offset: number; length: number } {
  const location = `fresh:${fresh.size}`;
  fresh.set(location, data);
  return { location, offset: 0, length: data.sizeBytes };
}
