// What is measured of the organism that looks and speaks.

import { Rng } from "../core/rng.ts";
import type { VisionLanguageNetwork } from "../network/vision-language.ts";
import { captionSample, questionSample, relationOf, sizeOf, toWords } from "../worlds/index.ts";
import type {
  QuestionKind,
  QuestionSample,
  Scene,
  SceneObject,
  ShapeAttribute,
} from "../worlds/index.ts";
import type { Skill } from "./organism.ts";
import { PICTURE_SIZE, pictureOf } from "./shapes-pictures.ts";
import { IMAGE } from "./vision-language-text.ts";

/** Pictures that are looked at together. */
const ROWS = 25;

/** Questions of one kind, with the share that is promised. */
export interface QuestionMeasure {
  /** What the card calls them. */
  readonly name: string;
  readonly kind: QuestionKind;
  /** Which attribute is asked for, of questions about one. */
  readonly attribute?: ShapeAttribute;
  readonly bar: number;
}

/** Makes a measurement of answers: each word of the answer and the end of it must be likeliest after what is before. */
export function questionSkill(measure: QuestionMeasure): Skill<VisionLanguageNetwork> {
  const { name, bar } = measure;
  return {
    name,
    meaning: `Questions about held-out pictures of two to four objects: ${name}. The whole answer counts.`,
    bar,
    measure: async (net, { seed, count }) => {
      const rng = new Rng(seed).split(name);
      let hits = 0;
      for (let done = 0; done < count; done += ROWS) {
        const rows = Array.from({ length: Math.min(ROWS, count - done) }, () =>
          drawQuestion(rng, measure),
        );
        hits += (await areAnswered(net, rows)).filter(Boolean).length;
      }
      return hits / count;
    },
  };
}

function drawQuestion(rng: Rng, { kind, attribute }: QuestionMeasure): QuestionSample {
  for (;;) {
    const sample = questionSample(rng, { kind, split: "heldOut", size: PICTURE_SIZE });
    const { question } = sample;
    if (question.kind !== "attribute" || question.attribute === attribute) return sample;
  }
}

async function areAnswered(
  net: VisionLanguageNetwork,
  samples: readonly QuestionSample[],
): Promise<boolean[]> {
  const { tokenizer, config } = net;
  const prompts = samples.map(({ text, answer }) => [
    ...tokenizer.encode(`${IMAGE} ${text} ${answer.join(" ")}`),
    tokenizer.eos!,
  ]);
  const images = samples.map(pictureOf);
  const { logits } = net.trace({ prompt: { prompts, padding: "right" }, images });
  const best = await logits.argmax({ axis: -1 }).numbers();
  const pos = logits.shape[1]!;
  return prompts.map((ids, row) => {
    // a picture is one id here and takes more places there; what stands at a place is predicted one before
    const moved = row * pos + config.imageLength - 2;
    const first = ids.length - samples[row]!.answer.length - 1;
    return ids.every((id, i) => i < first || best[moved + i] === id);
  });
}

/** Makes a measurement of captions: what the network writes, likeliest word by word, must be true of its picture. */
export function captionSkill(bar: number): Skill<VisionLanguageNetwork> {
  return {
    name: "captions",
    meaning:
      "Captions of held-out pictures of two to four objects, as the network writes them, that are grammatical and true in every word.",
    bar,
    measure: async (net, { seed, count }) => {
      const rng = new Rng(seed).split("captions");
      let hits = 0;
      for (let done = 0; done < count; done += ROWS) {
        const rows = Array.from({ length: Math.min(ROWS, count - done) }, () =>
          captionSample(rng, { split: "heldOut", size: PICTURE_SIZE }),
        );
        const prompt = rows.map(() => IMAGE);
        const images = rows.map(pictureOf);
        const written = await net.complete({ prompt, images }, { maxTokens: 32, temperature: 0 });
        hits += rows.filter(({ scene }, row) => isTrueCaption(written[row]!, scene)).length;
      }
      return hits / count;
    },
  };
}

/** Whether a caption says how two objects of a scene stand, or lists all of them from left to right, and nothing wrong. */
export function isTrueCaption(text: string, scene: Scene): boolean {
  const words = toWords(text).join(" ");
  const [, subject, relation, object] =
    /^a (.+) (left of|right of|above|below) a (.+)$/.exec(words) ?? [];
  if (subject !== undefined) {
    const [a, b] = [meant(subject, scene), meant(object!, scene)];
    return a !== undefined && b !== undefined && relationOf(a, b) === relation;
  }
  const parts = words.split(/ (?:,|and) /);
  const listed = parts.map((part) => /^a (.+)$/.exec(part)?.[1]).map((x) => x && meant(x, scene));
  const places = listed.map((found) => (typeof found === "object" ? found.x : Number.NaN));
  return (
    places.length === scene.objects.length &&
    places.every((x, i) => (i === 0 ? !Number.isNaN(x) : x > places[i - 1]!))
  );
}

/** The object that words such as `small red circle` are true of: they must say colour and shape, which only one has. */
function meant(words: string, { objects }: Scene): SceneObject | undefined {
  const said = /^(?:(small|large) )?(\S+) (?:(\S+) )?(\S+)$/.exec(words)?.slice(1);
  if (said === undefined) return undefined;
  const [size, colour, texture, shape] = said;
  return objects.find(
    (object) =>
      object.colour === colour &&
      object.shape === shape &&
      (size === undefined || sizeOf(object) === size) &&
      (texture === undefined || object.texture === texture),
  );
}
