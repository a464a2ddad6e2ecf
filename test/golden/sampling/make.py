"""Writes cases.json: what the logits processors of transformers make of random logits.

    pip install torch==2.13.0 transformers==5.23.0
    python test/golden/sampling/make.py      (seconds; rewrites cases.json)

Logits are multiples of 1/64, so that JSON holds them exactly, and differ from each other: where top-k meets equals, transformers
keeps all of them and PatchClamp the first. `scores` are the processed logits, null where a token was cut.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

SIZE = 24

# In the order in which generate() applies them.
PROCESSORS = {
    "logitBias": lambda pairs: SequenceBiasLogitsProcessor([[[i], b] for i, b in pairs]),
    "repetitionPenalty": RepetitionPenaltyLogitsProcessor,
    "temperature": TemperatureLogitsWarper,
    "topK": TopKLogitsWarper,
    "topP": TopPLogitsWarper,
    "minP": MinPLogitsWarper,
    "typicalP": TypicalLogitsWarper,
}

OPTIONS = [
    {"temperature": 1.0, "topK": 5},
    {"temperature": 0.5, "topK": 1},
    {"temperature": 1.0, "topP": 0.3},
    {"temperature": 1.7, "topP": 0.95},
    {"temperature": 1.0, "minP": 0.05},
    {"temperature": 2.5, "minP": 0.3},
    {"temperature": 1.0, "typicalP": 0.2},
    {"temperature": 0.7, "typicalP": 0.9},
    {"temperature": 1.0, "repetitionPenalty": 1.5},
    {"temperature": 1.0, "repetitionPenalty": 0.6},
    {"temperature": 1.0, "logitBias": [[3, 2.5], [7, -4.0]]},
    {"temperature": 1.3, "topK": 12, "topP": 0.8, "minP": 0.1},
    {"temperature": 1.3, "topK": 15, "topP": 0.95, "typicalP": 0.6},
    {
        "temperature": 0.8,
        "logitBias": [[0, 3.0], [5, 1.0]],
        "repetitionPenalty": 1.3,
        "topK": 14,
        "topP": 0.9,
        "minP": 0.02,
        "typicalP": 0.8,
    },
]


def case(options, generator):
    logits = torch.zeros(SIZE)
    while len(logits.unique()) < SIZE:
        logits = (torch.randn(SIZE, generator=generator) * 128).round() / 64
    tokens = torch.randint(SIZE, (6,), generator=generator)
    processors = LogitsProcessorList(
        [make(options[name]) for name, make in PROCESSORS.items() if name in options]
    )
    scores = processors(tokens[None], logits[None].clone())[0]
    return {
        "options": options,
        "tokens": tokens.tolist(),
        "logits": logits.tolist(),
        "scores": [None if s == -float("inf") else round(s, 6) for s in scores.tolist()],
    }


def main():
    generator = torch.Generator().manual_seed(11)
    cases = [case(options, generator) for options in OPTIONS for _ in range(2)]
    head = {"transformers": transformers.__version__, "torch": torch.__version__}
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
    (Path(__file__).parent / "cases.json").write_text(text)


if __name__ == "__main__":
    main()
