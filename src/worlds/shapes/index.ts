// The shape worlds: drawn pictures of which all is known, for networks that look.

export type { Bar, Rgb } from "./_canvas.ts";
export type { GestaltOptions } from "./_gestalt.ts";
export type { SurroundingsOptions } from "./_surroundings.ts";
export { shapesBatch } from "./batch.ts";
export type { ShapesBatch, ShapesBatchOptions, ShapesTarget } from "./batch.ts";
export { captionKinds, captionSample } from "./captions.ts";
export type { Caption, CaptionKind, CaptionOptions, CaptionSample, Mention } from "./captions.ts";
export type { SceneChange } from "./changes.ts";
export { corruptPicture, shapeCorruptions } from "./corruptions.ts";
export type { CorruptOptions, ShapeCorruption } from "./corruptions.ts";
export { contourSample } from "./gestalt-contour.ts";
export type { ContourOptions, ContourSample } from "./gestalt-contour.ts";
export { figureGroundSample, figureRegions } from "./gestalt-figure-ground.ts";
export type {
  FigureGroundOptions,
  FigureGroundSample,
  FigureRegion,
} from "./gestalt-figure-ground.ts";
export { groupingCues, groupingLines, groupingSample } from "./gestalt-grouping.ts";
export type {
  GroupingCue,
  GroupingLine,
  GroupingOptions,
  GroupingSample,
} from "./gestalt-grouping.ts";
export { kanizsaFigures, kanizsaSample } from "./gestalt-kanizsa.ts";
export type { KanizsaFigure, KanizsaOptions, KanizsaSample } from "./gestalt-kanizsa.ts";
export { multipleSample } from "./multiple.ts";
export type { MultipleOptions, MultipleSample, MultipleScene } from "./multiple.ts";
export { shapeClasses } from "./outlines.ts";
export type { ShapeClass } from "./outlines.ts";
export { palette as shapePalette, shapeColours, shapeTextures } from "./paints.ts";
export type { ShapeColour, ShapeTexture } from "./paints.ts";
export { answerTo, questionKinds, questionSample, questionWords } from "./questions.ts";
export type { Question, QuestionKind, QuestionOptions, QuestionSample } from "./questions.ts";
export { relationOf, shapeRelations } from "./relations.ts";
export type { Related, ShapeRelation } from "./relations.ts";
export { boxOf, drawScene, shapeSizes, sizeOf } from "./scene.ts";
export type {
  Background,
  Box,
  Drawing,
  DrawOptions,
  Picture,
  Scene,
  SceneObject,
  ShapeSize,
} from "./scene.ts";
export { shapePlaces, singleSample } from "./single.ts";
export type { ShapePlace, SingleLabel, SingleOptions, SingleSample } from "./single.ts";
export { shapesVocabulary } from "./words.ts";
export type { Description, ShapeAttribute } from "./words.ts";
