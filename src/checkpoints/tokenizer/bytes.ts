import type { AlignedText } from "./text.ts";

/**
 * GPT-2's alphabet: the character that stands for each byte in a byte-level vocabulary.
 *
 * Printable bytes stand for themselves, the others for the characters from U+0100 on, so `Ġ` is a space.
 *
 * @source Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2
 */
const characters: readonly string[] = (() => {
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(isPrintable ? byte : 256 + others++);
  });
})();

const bytes: ReadonlyMap<string, number> = new Map(characters.map((char, byte) => [char, byte]));

const encoder = new TextEncoder();

/** The characters that stand for some bytes. */
export function byteCharacters(of: Uint8Array): string {
  return Array.from(of, (byte) => characters[byte]!).join("");
}

/** Writes every byte of a text's UTF-8 form as a character; the bytes of one character share its span. */
export function toByteCharacters(text: AlignedText): AlignedText {
  return text.replace(/[^!-~]/gu, (char) => byteCharacters(encoder.encode(char)));
}

/** The bytes that a byte-level token stands for; its UTF-8 form when it is no such token, as special tokens may not be. */
export function bytesOfToken(token: string): Uint8Array {
  const values = Array.from(token, (char) => bytes.get(char));
  return values.includes(undefined) ? encoder.encode(token) : Uint8Array.from(values as number[]);
}
