"""Makes the golden files of the parity tests: tiny random checkpoints and what `transformers` computes with them.

    pip install torch==2.13.0 transformers==5.23.0 safetensors
    python test/golden/make.py [NAME ...]        (seconds a name; rewrites test/golden/<name>/)

Every file of `recipes/` lists `RECIPES`. A folder holds config.json and golden.safetensors. The weights are made from their
names, by `common.made_up` here and by weights.ts in the tests; golden.safetensors says in its metadata which there are.
Its tensors are

    <prompt>/input_ids, <prompt>/greedy       I64 [1, pos], [1, 20]: a prompt (0 or 1) and its greedy continuation
    <prompt>/<site>                           F32: every site of prompt 0, the logits of prompt 1, batch size 1

Sites have the names, shapes and meaning of TransformerLens without `hook_` (src/network/sites.ts lists them). Normalised
vectors are taken before gain and bias. Scores are as they enter the softmax; where the mask hides a key they hold 0.

Values come from hooks on transformers' own modules in float32 with eager attention. What the modules keep to themselves is
recomputed from what they show, and every recomputation must lead back to a value that they show. At real positions of a
batch padded on the left or the right every site must equal the site of the unpadded prompt, or the golden is not written.
"""

import importlib
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def main(names):
    torch.set_num_threads(1)  # the same sums in the same order every time
    recipes = [recipe for file in sorted((HERE / "recipes").glob("*.py"))
               for recipe in importlib.import_module(f"recipes.{file.stem}").RECIPES]
    unknown = set(names) - {recipe.name for recipe in recipes}
    if unknown:
        sys.exit(f"no recipe is called {', '.join(sorted(unknown))}")
    with torch.no_grad():
        for recipe in recipes:
            if not names or recipe.name in names:
                recipe.make(recipe)


if __name__ == "__main__":
    main(sys.argv[1:])
