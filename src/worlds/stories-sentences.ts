// Every sentence of the stories world. `{name}` is filled from a cast; `found/lost` is read as its left word in a happy
// story and as its right word in a sad one, so a happy and a sad sentence always have the same form, and the mood words
// of the world are exactly the words beside a slash (`stories-mood.ts`).

import { toWords } from "./words.ts";

/** The mood of a story. */
export type Mood = "happy" | "sad";

/** What stands in for the names in braces. */
export type Cast = Readonly<Record<string, string>>;

/** A sentence, as words and slots. */
export type Template = readonly string[];

const templates = (...texts: string[]): readonly Template[] => texts.map(toWords);

/** Two people come together; `{first}` is named first. A clause ends with a comma. */
export const meetings = templates(
  "When {first} and {second} went to the {place},",
  "After {first} and {second} met at the {place},",
  "While {first} and {second} played at the {place},",
  "Before {first} and {second} left the {place},",
  "{first} and {second} were at the {place}.",
  "{first} went to the {place} with {second}.",
  "{first} saw {second} at the {place}.",
  "{first} met {second} near the {place}.",
  "One morning, {first} and {second} walked to the {place}.",
  "On Sunday, {first} took {second} to the {place}.",
);

/** Something in between that does not change who is there. */
export const asides = templates(
  "{third} stayed at home.",
  "{third} was far away.",
  "{third} was still asleep.",
  "{first} carried a bag.",
  "{second} carried a bag.",
  "{first} was hungry.",
  "{second} was hungry.",
  "The birds were loud.",
  "It was almost noon.",
  "They sat on a bench.",
);

/** What may stand before a giving that begins a sentence. */
export const leads = templates("Then", "Later,", "At noon,", "After a while,");

/** One of the two gives something to the other. */
export const givings = templates(
  "{giver} gave the {colour} {object} to {receiver}.",
  "{giver} gave a {colour} {object} to {receiver}.",
  "{giver} handed the {colour} {object} to {receiver}.",
  "{giver} passed the {object} to {receiver}.",
  "{giver} showed a {colour} {object} to {receiver}.",
  "{giver} offered the {object} to {receiver}.",
  "{giver} took a {colour} {object} and gave it to {receiver}.",
  "{giver} brought the {colour} {object} to {receiver}.",
);

/** What may follow a gift. */
export const thanks = templates(
  "{receiver} said thank you.",
  "{receiver} put it in a bag.",
  "{receiver} looked at it for a while.",
  "Then they went home.",
  "They talked until the evening.",
);

/** How a story opens; none has a mood. */
export const settings = templates(
  "One morning, {name} went to the {place}.",
  "On Monday, {name} walked to the {place}.",
  "On Friday, {name} was at the {place}.",
  "{name} was at the {place}.",
  "{name} lived near the {place}.",
  "{name} and {other} were at the {place}.",
  "{name} went to the {place} with {other}.",
  "It was a windy morning at the {place}.",
  "It was a quiet evening at the {place}.",
);

/** Events with a mood: happy / sad. */
export const events = templates(
  "{name} found/lost {her} {colour} {object}.",
  "{name} fixed/broke {her} {colour} {object}.",
  "{name} won/ruined a {colour} {object}.",
  "{name} loved/hated the new {colour} {object}.",
  "{other} praised/scolded {name}.",
  "{other} helped/pushed {name}.",
  "{other} was kind/rude to {name}.",
  "{other} thanked/ignored {name} at the {place}.",
  "{name} heard good/bad news from {other}.",
  "{name} had a lovely/nasty dream about a {object}.",
  "{other} remembered/forgot the birthday of {name}.",
  "{name} was proud/ashamed of {her} {object}.",
  "{name} felt brave/scared at the {place}.",
  "{name} was happy/sad about the game with {other}.",
  "Everyone liked/disliked the {object} that {name} made.",
  "{name} saw that {her} {colour} {object} was perfect/broken.",
);

/** How the person takes an event: happy / sad. */
export const reactions = templates(
  "{She} felt happy/sad about it.",
  "{She} was very glad/upset.",
  "{She} smiled/frowned at {other}.",
  "What good/bad luck!",
  "That was a lovely/nasty surprise.",
);

/** Events without a mood. */
export const calmEvents = templates(
  "{name} had a {colour} {object}.",
  "{name} saw a {colour} {object}.",
  "{name} carried a {colour} {object}.",
  "{name} made a {colour} {object} for {other}.",
  "{name} looked at a {colour} {object} for a while.",
  "{name} talked to {other} about a {object}.",
  "{name} waited for {other} with a {object}.",
  "{name} put a {colour} {object} in {her} bag.",
);

/** Sentences that fill time between an event and the ending. */
export const fillers = templates(
  "The road was long.",
  "The wind was strong.",
  "A dog barked far away.",
  "{other} was tired.",
  "Some birds sat in a tree.",
  "{She} drank some water.",
  "{She} ate some bread.",
  "{She} sat on a bench.",
  "Where was {other}?",
  "Then it was time to go home.",
);

/** Sentences that fill time with a mood: happy / sad. */
export const moodFillers = templates(
  "The sky was bright/dark.",
  "The air was warm/cold.",
  "{other} smiled/frowned too.",
  "{She} told {other} the good/bad news.",
  "{She} felt happy/sad all day.",
);

/** Endings: happy / sad. */
export const endings = templates(
  "{She} laughed/cried all the way home.",
  "{She} smiled/frowned until the evening.",
  "{name} danced/sobbed at the {place}.",
  "{name} sang/wept under a tree.",
  "It was the best/worst day of the year.",
  "It was the best/worst day of the year, and {name} was happy/sad.",
  "What a wonderful/terrible day!",
  "It was such a beautiful/horrible day, and {she} felt lucky/unlucky.",
  "Everything felt right/wrong.",
  "{name} went to bed with a joyful/gloomy heart.",
  "{name} went to bed with a smile/frown and had good/bad dreams.",
  "In the end, {name} was glad/upset.",
  "In the end, {she} laughed/cried, and {other} felt happy/sad too.",
  "That night {she} was too excited/lonely to sleep.",
  "{She} cheered/sighed and ran home.",
  "{Her} heart was light/heavy, and {she} smiled/frowned for a long time.",
  "{She} told {other} about the wonderful/terrible day and laughed/cried.",
);

/** Every template, for the vocabulary. */
export const allTemplates: readonly Template[] = [
  [meetings, asides, leads, givings, thanks],
  [settings, events, reactions, moodFillers, calmEvents, fillers, endings],
].flat(2);

/**
 * Fills the slots of a sentence.
 *
 * @param cast - a word for every slot of the sentence
 * @param mood - which side of a slash is read; without it both are kept, as `found/lost`
 * @returns the words, one for each word or slot of the template
 */
export function fill(template: Template, cast: Cast, mood?: Mood): string[] {
  return template.map((word) => {
    if (word.startsWith("{")) return cast[word.slice(1, -1)]!;
    const [happy, sad] = word.split("/");
    return mood === undefined || sad === undefined ? word : mood === "happy" ? happy! : sad;
  });
}
