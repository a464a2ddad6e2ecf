// Bytes on their way from file to file, of which little is held at a time.

import type { Files } from "../../core/files.ts";

/** Bytes copied at a time. */
const CHUNK = 4 << 20;

// A stretch of a file, part by part; the next is read while one is written.
export async function* range(
  files: Files,
  path: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const rooms = [0, 1].map(() => new Uint8Array(Math.min(CHUNK, end - start)));
  const read = (i: number): Promise<Uint8Array> => {
    const at = start + i * CHUNK;
    return files.readRange(path, at, Math.min(end, at + CHUNK), rooms[i % 2]);
  };
  const count = Math.ceil((end - start) / CHUNK);
  let next = count > 0 ? read(0) : undefined;
  for (let i = 0; next !== undefined; i++) {
    const part = await next;
    next = i + 1 < count ? read(i + 1) : undefined;
    // whoever waits for it next hears of its failure; before that, nobody may
    next?.catch(() => undefined);
    yield part;
  }
}

// Parts as they are written: a graph has many small ones, which go together.
export async function* inOrder(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  const room = new Uint8Array(CHUNK);
  let held = 0;
  for (const part of parts) {
    const isLarge = part.length > CHUNK / 2;
    if (held > 0 && (isLarge || held + part.length > CHUNK)) {
      yield room.subarray(0, held);
      held = 0;
    }
    if (isLarge) yield part;
    else {
      room.set(part, held);
      held += part.length;
    }
  }
  if (held > 0) yield room.subarray(0, held);
}

/** Whether a path can take a copy: nothing is there, or the same is, or something else is. */
export async function roomAt(
  files: Files,
  path: string,
  target: Files,
  targetPath: string,
): Promise<"free" | "same" | false> {
  if (!(await target.exists(targetPath))) return "free";
  const size = await files.size(path);
  if ((await target.size(targetPath)) !== size) return false;
  for (let start = 0; start < size; start += CHUNK) {
    const end = Math.min(size, start + CHUNK);
    const [a, b] = [
      await files.readRange(path, start, end),
      await target.readRange(targetPath, start, end),
    ];
    if (!a.every((byte, i) => byte === b[i])) return false;
  }
  return "same";
}
