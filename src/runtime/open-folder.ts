import { backend } from "#engine";

import type { Files } from "../core/files.ts";

/** The files at a place: a folder's path or file URL in Node, a URL in a browser. */
export function openFolder(place: string): Files {
  return backend.openFolder(place);
}
