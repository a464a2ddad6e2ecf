// The platform's one idea: functions whose interior values have names.

export {
  LanguageNetwork,
  type LanguageDefinition,
  type LanguageGenerateOptions,
} from "./language.ts";
export type {
  DecoderCache,
  DecoderConfig,
  DecoderInputs,
  LanguageInput,
  PaddedPrompt,
  Prompt,
  TokenBatch,
} from "./prompt.ts";
export {
  defineNetwork,
  Network,
  Pass,
  type Edits,
  type GradOptions,
  type GradResult,
  type Inputs,
  type NetworkDefinition,
  type RunOptions,
  type TraceOptions,
} from "./network.ts";
export {
  expertCounts,
  switchExperts,
  type ExpertCountOptions,
  type ExpertSwitches,
} from "./experts.ts";
export type { GenerateOptions } from "./generate.ts";
export { bestOf, type BestOptions, type RankedContinuation } from "./best.ts";
export type { GeneratedToken } from "./open-row.ts";
export { EncoderNetwork, type EmbedOptions } from "./encoder.ts";
export type { EncoderConfig, EncoderInput } from "./encoder-input.ts";
export { Seq2SeqNetwork } from "./seq2seq.ts";
export type { Seq2SeqConfig, Seq2SeqInput } from "./seq2seq-input.ts";
export { VisionNetwork, type Classified } from "./vision.ts";
export type { ImageInput, ImagesAndTexts, VisionConfig } from "./vision-input.ts";
export type { Images } from "./images.ts";
export type { Picture, PictureForm } from "./picture.ts";
export { VisionLanguageNetwork } from "./vision-language.ts";
export type {
  PromptWithImages,
  VisionLanguageConfig,
  VisionLanguageInput,
} from "./vision-language-input.ts";
export { OnnxNetwork } from "./onnx/onnx-network.ts";
export { exportEncoderOnnx } from "./export-encoder-onnx.ts";
export { exportOnnx, type ExportOnnxOptions } from "./export-onnx.ts";
export {
  encoderParity,
  onnxParity,
  type EncoderParity,
  type OnnxParity,
  type OnnxParityOptions,
} from "./onnx-parity.ts";
export type { OnnxInput, OnnxPort } from "./onnx/onnx-inputs.ts";
export type { Recognised } from "./onnx/recognise.ts";
export { AudioNetwork } from "./audio.ts";
export type { AudioConfig, AudioInput } from "./audio-input.ts";
export { PromptCache, type PromptCacheOptions } from "./prompt-cache.ts";
export type { ReadPlace } from "./reader.ts";
export type { InterventionOptions, Steering } from "./interventions.ts";
export type { StrengthChoice } from "./steering/choose-strength.ts";
export {
  learnSteering,
  type LearnedSteering,
  type LearnSteeringOptions,
  type SiteCandidate,
} from "./steering/choose.ts";
export type {
  AnswerContrast,
  AnswerPair,
  Contrast,
  ReadAt,
  TextContrast,
} from "./steering/contrast.ts";
export {
  learnDirection,
  type DirectionQuality,
  type LearnedDirection,
  type LearnMethod,
  type LearnOptions,
} from "./steering/learn.ts";
export type { SteeringGradientOptions, LossChange } from "./steering/learn-gradient.ts";
export { doseCurve, type DoseCurveOptions, type DoseProgress } from "./steering/dose-curve.ts";
export {
  judged,
  matches,
  preference,
  type Effect,
  type JudgedOptions,
  type MatchOptions,
  type PreferenceOptions,
  type Reading,
} from "./steering/effect.ts";
export type { Doses, Measuring } from "./steering/doses.ts";
export {
  quantise,
  storedBytes,
  WEIGHT_FORMS,
  type QuantiseOptions,
  type WeightForm,
} from "./quantise.ts";
export { isQuantised } from "./stored-parts.ts";
export { ownTexts, quantisationLoss, type QuantisationLoss } from "./quantise-loss.ts";
export { logitLens, type LensOptions, type LensRow } from "./lens.ts";
export type { SamplingOptions } from "./sampling.ts";
export { checkInvariants, type Invariant } from "./invariants.ts";
export type { SiteInfo } from "./sites.ts";
export {
  everyLayerAndHead,
  everyLayerAndPosition,
  type Cell,
  type CellGrid,
  type Cells,
  type SweepOptions,
  type SweepResult,
} from "./sweep.ts";
export type { Edit, EditPlace, Tap } from "./tap.ts";
export { TextStream } from "./text-stream.ts";
export type { EncodedText, Tokenizer } from "./tokenizer.ts";
