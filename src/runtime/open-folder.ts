import { backend } from "#engine";

import type { Files } from "../core/files.ts";
import type { HubSettings } from "./hub-store.ts";

/** The files at a place: a folder's path or file URL in Node, a URL in a browser. */
export function openFolder(place: string): Files {
  return backend.openFolder(place);
}

/** What the surroundings say about model hubs, and where downloads are kept; nothing in a browser. */
export async function hubSettings(): Promise<HubSettings | undefined> {
  return backend.hubSettings?.();
}

/** Memory that this process may use, in bytes; undefined where the platform does not say. */
export function memoryBytes(): number | undefined {
  return backend.memoryBytes?.();
}
