// What each package entry exports, so that a name comes or goes only on purpose.

import fs from "node:fs";
import path from "node:path";

import * as root from "patchclamp";
import * as architectures from "patchclamp/architectures";
import * as nn from "patchclamp/nn";
import * as report from "patchclamp/report";
import * as tensor from "patchclamp/tensor";
import * as values from "patchclamp/values";
import * as worlds from "patchclamp/worlds";
import { expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "..");

/** Every entry: what importing it gives, and its source. */
const ENTRIES: Record<string, { exported: object; source: string }> = {
  ".": { exported: root, source: "index" },
  "./tensor": { exported: tensor, source: "runtime/index" },
  "./nn": { exported: nn, source: "nn/index" },
  "./values": { exported: values, source: "checkpoints/values/index" },
  "./report": { exported: report, source: "report/index" },
  "./worlds": { exported: worlds, source: "worlds/index" },
  "./architectures": { exported: architectures, source: "architectures/index" },
};

const names = (entry: string): string => Object.keys(ENTRIES[entry]!.exported).toSorted().join(" ");

const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
  exports: Record<string, unknown>;
};

test("package.json lists every entry, and nothing else but itself", () => {
  const expected = Object.entries(ENTRIES).map(([entry, { source }]) => [
    entry,
    { "@patchclamp/source": `./src/${source}.ts`, default: `./dist/${source}.js` },
  ]);
  expect(manifest.exports).toEqual({
    ...Object.fromEntries(expected),
    "./package.json": "./package.json",
  });
});

test.each(Object.values(ENTRIES))(
  "the source of $source exists and exports no default",
  (entry) => {
    expect(fs.existsSync(path.join(ROOT, "src", `${entry.source}.ts`))).toBe(true);
    expect(Object.keys(entry.exported)).not.toContain("default");
  },
);

test("patchclamp exports these names", () => {
  expect(names(".")).toMatchInlineSnapshot(
    `"AudioNetwork EncoderNetwork LanguageNetwork Network ONNX_TYPE OnnxNetwork Pass PatchClampError PromptCache Rng Seq2SeqNetwork Tensor TextStream VisionLanguageNetwork VisionNetwork WEIGHT_FORMS account allOps applyChatTemplate arange architectures argmax argmin asTensor avgPool bakeOnnx bakeParity bestOf broadcastTo buildNetwork causalMask checkInvariants checkpoint clip collect compile concat configure conv1d conv2d cumsum customGradient defineNetwork dequantise directoryFiles doseCurve dropout encoderParity evaluate everyLayerAndHead everyLayerAndPosition expertCounts exportEncoderOnnx exportOnnx eye float16Codec full gather gelu gpt2Family gradients groupedLinear hubFiles identity inGroups int8Codec isQuantised jacobian judged jvp layerNorm learnDirection learnSteering linear llamaFamily loadAny loadAudio loadEncoder loadNetwork loadOnnx loadSeq2Seq loadVision loadVisionLanguage logSoftmax logSumExp logitLens matches matmul max maxPool mean memoryFiles mergeOnnx min noise oneHot ones onnxEdits onnxParity openAudio openEncoder openFolder openNetwork openOnnx openSeq2Seq openVision organismNamed organismNames ownTexts packedParts pickedFiles preference prepacked prepackedPart printGraph quantisationLoss quantise rand randn randomNormal randomUniform reshape rmsNorm saveAs saveEncoderOnnx saveNetwork saveOnnx scan scatterAdd scatterAddAlongAxis slice softmax sort splitSeed stack stopGradient storedBytes straightThrough sum surgery switchExperts takeAlongAxis tensor topK transpose tril triu turn variance where zeros"`,
  );
});

test("patchclamp/tensor exports these names", () => {
  expect(names("./tensor")).toMatchInlineSnapshot(
    `"ONNX_TYPE Tensor account allOps arange argmax argmin asTensor avgPool broadcastTo causalMask checkpoint clip collect compile concat configure conv1d conv2d cumsum customGradient dequantise dropout evaluate eye float16Codec full gather gelu gradients groupedLinear identity inGroups int8Codec jacobian jvp layerNorm linear logSoftmax logSumExp matmul max maxPool mean min noise oneHot ones packedParts prepacked prepackedPart printGraph rand randn randomNormal randomUniform reshape rmsNorm saveAs scan scatterAdd scatterAddAlongAxis slice softmax sort splitSeed stack stopGradient straightThrough sum takeAlongAxis tensor topK transpose tril triu turn variance where zeros"`,
  );
});

test("patchclamp/nn exports these names", () => {
  expect(names("./nn")).toMatchInlineSnapshot(
    `"adam adamW binaryCrossEntropy clipByGlobalNorm constantRate cosineDecay countedCrossEntropy crossEntropy einsum entropy fractionUnexplained inTurn kaimingNormal kaimingUniform klDivergence linearDecay lion meanAbsoluteError mse muon negativeLogLikelihood normal orthogonal sgd train truncatedNormal uniform warmup xavierNormal xavierUniform"`,
  );
});

test("patchclamp/values exports these names", () => {
  expect(names("./values")).toMatchInlineSnapshot(
    `"adapter adapterScaling adapterSchema addDirections combined conditionSchema cosine decodeDictionary describe describeAdapter describeCondition describeCurve describeSet dictionary dictionarySchema dictionarySizes doseCurveSchema editOf encodeDictionary featureDirection featureIntervention fromPyvene intervention interventionSchema interventionSet interventionSetSchema loadInterventions meanDirection mergeAdapter networkHash normOf normaliseDirection originOf orthogonalise placesOf planInterventions planRows probe probeSchema probeScore readAdapter readControlVector readDictionary readInterventions readPeft readProbe readSaeLens saveInterventions scaleDirection stepPlaces toPyvene whereSchema writeAdapter writeControlVector writeDictionary writeInterventions writePeft writeProbe writeSaeLens"`,
  );
});

test("patchclamp/report exports these names", () => {
  expect(names("./report")).toMatchInlineSnapshot(
    `"bars claims doseCurveSection figure figureTable heatmap isFigure lines printReport report reportPage table text textPairs theme toJson tokenGrid"`,
  );
});

test("patchclamp/worlds exports these names", () => {
  expect(names("./worlds")).toMatchInlineSnapshot(
    `"LONGEST_TEXT answerInContext answerInWeights answerTo autoregression blockFeatures blockGraph bosWord boxOf captionKinds captionSample circuitSamples circuitTables circuitValues colours conditionClouds contourSample corruptPicture denseAdjacency distancesFrom drawCouplings drawScene drawSwitching edgesOf featurePairings featureTree featureTreeRows featuresAbove figureGroundSample figureRegions formulaColumns formulaDepth formulaDerivative formulaText formulaValue gateKinds gaussianMixture giftPrompts graphHosts graphMotifs graphOf gridGraph groupingCues groupingLines groupingSample integrate itemWorld kanizsaFigures kanizsaSample kuramotoFlow kuramotoSample labelledSequence languageBatch languageContrasts languageSample languageSkills languageTasks languageVocabulary lawNamed lawNames lawTable laws lorenzFixedPoints lorenzFlow lorenzSample marginClouds modularAnswer modularOperations modularWorld moodOf moodPairs moodPrompts moodWords motifGraph multipleSample names neutralPrompts objects orderParameter padWord patternPrompts places preferentialGraph pronouns questionKinds questionSample questionWords randomCircuit randomLaw randomTree reachOf relationOf relevantColumns repeatedVocabulary repeatedWords ringLattice ruleGraph runCouplings runSwitching sequenceBatch sequenceKinds seriesAnomalies seriesBatch seriesFamilies seriesMotifs seriesSample shapeClasses shapeColours shapeCorruptions shapePalette shapePlaces shapeRelations shapeSizes shapeTextures shapesBatch shapesVocabulary shortestPath shortestPaths siblingsOf singleSample sizeOf skillNamed sparseFeatureRows sparseFeatures splitOf standardised stepJacobian storiesBatch storiesSample storiesVocabulary toText toWords trianglesAt unionOfSubspaces unknownWord usedGates wordCounts"`,
  );
});

test("patchclamp/architectures exports these names", () => {
  expect(names("./architectures")).toMatchInlineSnapshot(
    `"architectures familyOf familyOfKind gpt2 gpt2Config gpt2Family llama llamaConfig llamaFamily"`,
  );
});
