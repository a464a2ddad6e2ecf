// What `patchclamp` exports: networks, tensors with an engine under them, reports, and the organisms that come along.

export * from "./runtime/index.ts";
export * from "./network/index.ts";
export { PatchClampError, type ErrorCode } from "./core/errors.ts";
export { memoryFiles, type Files } from "./core/files.ts";
export { openFolder } from "./runtime/open-folder.ts";
export { Rng } from "./core/rng.ts";
export { buildNetwork } from "./checkpoints/build.ts";
export {
  openNetwork,
  saveNetwork,
  type LoadOptions,
  type NetworkToSave,
} from "./checkpoints/load.ts";
export { openAudio } from "./checkpoints/open-audio.ts";
export { openEncoder } from "./checkpoints/open-encoder.ts";
export { openOnnx, type OpenOnnxOptions } from "./checkpoints/open-onnx.ts";
export { bakeOnnx, bakeParity, type OutputDifference } from "./checkpoints/bake-onnx.ts";
export { mergeOnnx, type MergedModel } from "./checkpoints/merge-onnx.ts";
export { onnxEdits, type OnnxEditOptions } from "./checkpoints/onnx-edits.ts";
export {
  surgery,
  type Bake,
  type ConstantData,
  type GraphValue,
  type LowRank,
  type ModelPlace,
  type NodeLabel,
  type Saved,
  type SplitModel,
  type StripOptions,
  type Shape as GraphShape,
  type Surgery,
  type WeightLayout,
} from "./onnx/surgery/index.ts";
export {
  saveEncoderOnnx,
  saveOnnx,
  type OnnxDtype,
  type OnnxFolder,
  type SavedOnnx,
  type SaveEncoderOnnxOptions,
  type SaveOnnxOptions,
} from "./checkpoints/save-onnx.ts";
export { openSeq2Seq } from "./checkpoints/open-seq2seq.ts";
export { openVision } from "./checkpoints/open-vision.ts";
export { applyChatTemplate, type ChatMessage, type ChatOptions } from "./checkpoints/chat/chat.ts";
export { hubFiles, type HubOptions, type HubProgress } from "./checkpoints/hub/hub.ts";
export { directoryFiles, pickedFiles } from "./checkpoints/picked-files.ts";
export { architectures, gpt2Family, llamaFamily } from "./architectures/index.ts";
export {
  loadAny,
  loadAudio,
  loadEncoder,
  loadNetwork,
  loadOnnx,
  loadSeq2Seq,
  loadVision,
  loadVisionLanguage,
  type AnyNetwork,
  type LoadNetworkOptions,
  type LoadOnnxOptions,
} from "./organisms/load-network.ts";
export { organismNamed, organismNames } from "./organisms/catalog.ts";
export {
  trainOrganism,
  type OrganismTraining,
  type TrainOrganismOptions,
} from "./organisms/train.ts";
export type { Organism, OrganismNetwork } from "./organisms/organism.ts";
