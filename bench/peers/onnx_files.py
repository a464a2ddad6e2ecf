"""A BERT of random weights as transformers and torch.onnx write it, attention written out; inputs have open sizes."""

from pathlib import Path


def write_bert(file, layers, width, heads, hidden, vocabulary, context):
    """Writes the file, unless it is there."""
    from importlib.metadata import version

    def work():
        if not Path(file).exists():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            export(f"{file}.part", layers, width, heads, hidden, vocabulary, context)
            Path(f"{file}.part").rename(file)

    return work, f"transformers {version('transformers')}, torch.onnx {version('torch')}", lambda _: []


def export(file, layers, width, heads, hidden, vocabulary, context):
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=hidden, max_position_embeddings=context, attn_implementation="eager")
    model = BertModel(config, add_pooling_layer=False).eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    given = (torch.ones(1, 8, dtype=torch.int64), torch.ones(1, 8, dtype=torch.int64), torch.zeros(1, 8, dtype=torch.int64))
    sizes = {0: "batch", 1: "sequence"}

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    with torch.no_grad():
        torch.onnx.export(
            Encoder(), given, file, input_names=names, output_names=["last_hidden_state"], opset_version=17, dynamo=False,
            dynamic_axes={name: sizes for name in [*names, "last_hidden_state"]})
