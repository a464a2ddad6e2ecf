// Operators of ONNX that are known and not run, with the reasons.

import type { ImportHandlers } from "./handler.ts";

const REASONS: Readonly<Record<string, readonly string[]>> = {
  "draws numbers at random, as in training": [
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
  ],
  "gives or takes a sequence, where every value is one tensor": [
    "ConcatFromSequence",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SplitToSequence",
  ],
  "gives or takes what may be no value, where every value is one tensor": [
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
  ],
  "works on texts": [
    "RegexFullMatch",
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
    "TfIdfVectorizer",
  ],
  "keeps as many boxes as values say, and shapes must be known before the graph runs": [
    "NonMaxSuppression",
  ],
  "takes a picture file apart": ["ImageDecoder"],
  "searches for texts by itself, by steps that values decide": [
    "com.microsoft.BeamSearch",
    "com.microsoft.GreedySearch",
    "com.microsoft.Sampling",
    "com.microsoft.WhisperBeamSearch",
  ],
  "is a step of training": [
    "ai.onnx.preview.training.Adagrad",
    "ai.onnx.preview.training.Adam",
    "ai.onnx.preview.training.Gradient",
    "ai.onnx.preview.training.Momentum",
  ],
};

/** Handlers that say why an operator is not run. */
export const refusals: ImportHandlers = Object.fromEntries(
  Object.entries(REASONS).flatMap(([reason, names]) =>
    names.map((name) => [
      name,
      ({ refuse }) => {
        throw refuse(reason);
      },
    ]),
  ),
);
