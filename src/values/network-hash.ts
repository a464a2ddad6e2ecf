import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/**
 * A name for a network by what it computes, so that a value knows whether it meets the network it was made for.
 *
 * SHA-256 over the config, with sorted keys, and over samples of the weights; 32 hexadecimal digits of it. Two networks that
 * differ in none of these get one name. `net.identity()` says what it takes.
 *
 * @param config - what decides what is computed, beside the weights
 * @param samples - some bytes of the weights
 */
export function networkHash(config: unknown, samples: readonly Uint8Array[]): string {
  const hash = sha256.create();
  const part = (bytes: Uint8Array): void => {
    // the length, so that bytes cannot move from one part to the next
    hash.update(new TextEncoder().encode(`${bytes.length}:`)).update(bytes);
  };
  part(new TextEncoder().encode(canonical(config)));
  for (const sample of samples) part(sample);
  return bytesToHex(hash.digest()).slice(0, 32);
}

/** JSON with the keys of every object sorted. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
