export { languageBatch, LONGEST_TEXT } from "./language/batch.ts";
export type { DrawnSkill, LanguageBatch, LanguageBatchOptions } from "./language/batch.ts";
export { languageSkills } from "./language/catalog.ts";
export type { Contrast, Knob, Knobs, LanguageSkill, Span, Text } from "./language/skill.ts";
export {
  languageContrasts,
  languageSample,
  languageTasks,
  languageVocabulary,
  skillNamed,
} from "./language/world.ts";
export type {
  LanguageContrast,
  LanguageSample,
  LanguageSampleOptions,
  LanguageTask,
  LanguageTaskOptions,
} from "./language/world.ts";
export * from "./data/index.ts";
export * from "./shapes/index.ts";
export * from "./small/index.ts";
export { splitOf } from "./split.ts";
export type { Split } from "./split.ts";
export { storiesBatch, storiesSample } from "./stories.ts";
export type {
  StoriesBatchOptions,
  StoriesKind,
  StoriesSample,
  StoriesSampleOptions,
} from "./stories.ts";
export type { GiftLabel, NameOrder } from "./stories-gift.ts";
export { moodOf, moodWords } from "./stories-mood.ts";
export type { PatternLabel } from "./stories-pattern.ts";
export type { Mood } from "./stories-sentences.ts";
export type { MoodLabel } from "./stories-tale.ts";
export {
  giftPrompts,
  moodPairs,
  moodPrompts,
  neutralPrompts,
  patternPrompts,
} from "./stories-tasks.ts";
export type {
  GiftPrompt,
  GiftPromptOptions,
  MoodPair,
  MoodPrompt,
  PatternPrompt,
  StoriesTaskOptions,
} from "./stories-tasks.ts";
export {
  bosWord,
  colours,
  names,
  objects,
  padWord,
  places,
  pronouns,
  storiesVocabulary,
  unknownWord,
} from "./stories-vocabulary.ts";
export { toText, toWords } from "./words.ts";
