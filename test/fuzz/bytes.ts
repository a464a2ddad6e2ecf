// Bytes with something in them changed.

import * as fc from "fast-check";

/** A file as it is, with some bytes changed, its end cut off or continued, or a stretch of it moved. */
export function damagedBytes(whole: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat(Math.max(0, whole.length - 1));
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255));
  const changes = fc.array(fc.tuple(at, byte), { minLength: 1, maxLength: 5 }).map((edits) => {
    const bytes = new Uint8Array(whole);
    for (const [place, value] of edits) if (place < bytes.length) bytes[place] = value;
    return bytes;
  });
  return fc.oneof(
    { weight: 6, arbitrary: changes },
    { weight: 2, arbitrary: at.map((length) => whole.subarray(0, length)) },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 64 }).map((end) => joined([whole, end])),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(at, at, at)
        .map(([a, b, c]) =>
          joined([
            whole.subarray(0, a),
            whole.subarray(Math.min(b, c), Math.max(b, c)),
            whole.subarray(a),
          ]),
        ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  );
}

/** Parts behind one another. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
