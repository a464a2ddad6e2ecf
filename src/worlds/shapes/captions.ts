// Captions: how the told pair of a picture stands, or what all of it shows. Each has a counterfactual partner: a picture in
// which one thing is different, with the caption that is true of it and has as many words.

import type { Rng } from "../../core/rng.ts";
import { requireOneOf } from "../_options.ts";
import { toText } from "../words.ts";
import { drawChange } from "./changes.ts";
import type { SceneChange } from "./changes.ts";
import { multipleScene } from "./multiple.ts";
import type { MultipleOptions, MultipleSample, MultipleScene } from "./multiple.ts";
import { isWithin } from "./relations.ts";
import { drawScene } from "./scene.ts";
import type { Scene } from "./scene.ts";
import { describe, oneWords } from "./words.ts";
import type { Description, ShapeAttribute } from "./words.ts";

/** What a caption tells: how two objects stand, or all objects from left to right. */
export const captionKinds = ["relation", "list"] as const;

/** One kind of caption. */
export type CaptionKind = (typeof captionKinds)[number];

export interface CaptionOptions extends MultipleOptions {
  /** What is told; two relations to one list when it is left out. */
  kind?: CaptionKind;
}

/** Where a caption speaks of an object: the words from `start` up to but not including `end`. */
export interface Mention {
  readonly object: number;
  readonly start: number;
  readonly end: number;
  readonly said: Description;
}

/** Words about a scene. */
export interface Caption {
  readonly words: readonly string[];
  /** The words as a text, such as `a small red circle left of a blue star`. */
  readonly text: string;
  readonly mentions: readonly Mention[];
}

/** A picture with its caption and its counterfactual partner. */
export interface CaptionSample extends MultipleSample, Caption {
  readonly kind: CaptionKind;
  /** The same scene with one thing changed; `drawScene` draws it. */
  readonly counterfactual: Caption & { readonly scene: Scene; readonly change: SceneChange };
}

/**
 * Draws a picture of two to four objects with a caption.
 *
 * @throws PatchClampError `BAD_OPTION` as `multipleSample` does, or when `kind` is none of those listed
 */
export function captionSample(rng: Rng, options: CaptionOptions = {}): CaptionSample {
  const { split = "train", kind = rng.uniform() < 2 / 3 ? "relation" : "list" } = options;
  requireOneOf("captionSample", "kind", kind, captionKinds);
  for (;;) {
    const drawn = multipleScene("captionSample", rng, options);
    const plan = drawPlan(rng, kind, drawn);
    const caption = tell(plan, drawn);
    const partner = drawChange(rng, drawn, (changed) => {
      if (kind === "list" && changed.change.kind === "mirror") return false; // it goes from left to right
      return (
        tell(plan, changed).text !== caption.text && isWithin(changed.scene, changed.told, split)
      );
    });
    if (partner === undefined) continue; // all scenes next to this one are in the other half
    const { scene, change } = partner;
    const counterfactual = { ...tell(plan, partner), scene, change };
    return { kind, ...drawn, ...drawScene(drawn.scene, options), ...caption, counterfactual };
  }
}

/** Which objects a caption speaks of, in which order, and what it says of each. */
interface Plan {
  readonly kind: CaptionKind;
  readonly parts: readonly { readonly object: number; readonly said: readonly ShapeAttribute[] }[];
}

function drawPlan(rng: Rng, kind: CaptionKind, { scene, told }: MultipleScene): Plan {
  const fromLeft = Array.from(scene.objects.keys()).toSorted(
    (a, b) => scene.objects[a]!.x - scene.objects[b]!.x,
  );
  const objects = kind === "relation" ? [told.subject, told.object] : fromLeft;
  const parts = objects.map((object) => {
    const size: ShapeAttribute[] = rng.uniform() < 0.5 ? ["size"] : [];
    const texture: ShapeAttribute[] = rng.uniform() < 0.3 ? ["texture"] : [];
    return { object, said: [...size, "colour", ...texture, "shape"] as const };
  });
  return { kind, parts };
}

/** Says of a scene what is planned. */
function tell(
  { kind, parts }: Plan,
  { scene, told }: Pick<MultipleScene, "scene" | "told">,
): Caption {
  const words: string[] = [];
  const mentions: Mention[] = [];
  for (const [i, part] of parts.entries()) {
    if (i > 0 && kind === "relation") words.push(...told.relation.split(" "));
    else if (i > 0) words.push(i === parts.length - 1 ? "and" : ",");
    const said = describe(scene.objects[part.object]!, part.said);
    const start = words.length;
    words.push("a", ...oneWords(said));
    mentions.push({ object: part.object, start, end: words.length, said });
  }
  return { words, text: toText(words), mentions };
}
