import torch
from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification,
                          AutoModelForTokenClassification, BertConfig, BertForMaskedLM, BertForSequenceClassification,
                          BertForTokenClassification, BertModel, DistilBertConfig, DistilBertForMaskedLM,
                          DistilBertForSequenceClassification, DistilBertForTokenClassification, DistilBertModel)

from common import TOKENS, Recipe, attention_sites, heads, hooked, layer_norm
from encoders import make_encoder, pair_mask


# Each family has one golden of this size; those of its other heads are smaller.
WIDE = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4)
NARROW = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2)


def sizes(size, **other):
    return {**TOKENS, **size, "max_position_embeddings": 80, "layer_norm_eps": 1e-5, **other}


def config(size=NARROW, **other):
    return BertConfig(**sizes(size, **other))


def distil_config(dim=8, hidden_dim=12, n_layers=1, n_heads=2, **other):
    return DistilBertConfig(**TOKENS, dim=dim, hidden_dim=hidden_dim, n_layers=n_layers, n_heads=n_heads,
                            max_position_embeddings=80, **other)


# Names of modules in a block, of BERT and RoBERTa and of DistilBERT.
BERT = dict(q="attention.self.query", k="attention.self.key", v="attention.self.value", o="attention.output.dense",
            ln1="attention.output.LayerNorm", up="intermediate.dense", down="output.dense", ln2="output.LayerNorm")
DISTIL = dict(q="attention.q_lin", k="attention.k_lin", v="attention.v_lin", o="attention.out_lin", ln1="sa_layer_norm",
              up="ffn.lin1", down="ffn.lin2", ln2="output_layer_norm")


def post_norm_sites(body, layers, names, head=None, dense="dense", ln="LayerNorm"):
    """Sites of an encoder whose stream is normalised after every module; `head` names the module that predicts tokens."""

    def sites(model):
        own = model if body is None else getattr(model, body)
        table = own.embeddings
        blocks = own.get_submodule(layers)
        modules = {"embed": table.word_embeddings, "pos": table.position_embeddings, "norm": table.LayerNorm}
        if hasattr(table, "token_type_embeddings"):
            modules["type"] = table.token_type_embeddings
        for i, block in enumerate(blocks):
            modules |= {f"{i}.{name}": block.get_submodule(path) for name, path in names.items()}
        pooler = pooler_of(model, own)
        if pooler is not None:
            modules["pooler"] = pooler[0]
        if head is not None:
            top = model.get_submodule(head) if head else model
            modules |= {"dense": top.get_submodule(dense), "head_norm": top.get_submodule(ln)}
        seen = hooked(modules)
        n_heads = model.config.num_attention_heads
        d_head = model.config.hidden_size // n_heads

        def sites_of(run, mask):
            sites = {"embed": seen["embed"][1], "pos_embed": seen["pos"][1]}
            if "type" in seen:
                sites["token_type_embed"] = seen["type"][1]
            x, y = seen["norm"]
            torch.testing.assert_close(sum(sites.values()), x)
            sites["ln_embed.normalized"] = layer_norm(x, table.LayerNorm, y)
            for i, block in enumerate(blocks):
                at = f"blocks.{i}."
                sites[at + "resid_pre"] = seen[f"{i}.q"][0]
                q, k, v = (heads(seen[f"{i}.{name}"][1], d_head) for name in "qkv")
                sites |= {at + "attn.q": q, at + "attn.k": k, at + "attn.v": v, at + "attn_out": seen[f"{i}.o"][1]}
                o = block.get_submodule(names["o"])
                attention_sites(sites, at, q, k, v, run.attentions[i], pair_mask(mask),
                                o.weight.T.reshape(n_heads, d_head, -1), o.bias, d_head**-0.5)
                x, y = seen[f"{i}.ln1"]
                torch.testing.assert_close(sites[at + "resid_pre"] + sites[at + "attn_out"], x)
                sites[at + "ln1.normalized"] = layer_norm(x, block.get_submodule(names["ln1"]), y)
                sites[at + "resid_mid"] = y
                sites[at + "mlp.pre"] = seen[f"{i}.up"][1]
                sites[at + "mlp.post"] = seen[f"{i}.down"][0]
                sites[at + "mlp_out"] = seen[f"{i}.down"][1]
                x, y = seen[f"{i}.ln2"]
                torch.testing.assert_close(sites[at + "resid_mid"] + sites[at + "mlp_out"], x)
                sites[at + "ln2.normalized"] = layer_norm(x, block.get_submodule(names["ln2"]), y)
                sites[at + "resid_post"] = sites["hidden"] = y
            if pooler is not None:
                sites["pooler"] = pooler[1](seen["pooler"][1])
            if head is not None:
                sites["head.pre"] = seen["dense"][1]
                sites["head.ln.normalized"] = layer_norm(seen["head_norm"][0], top.get_submodule(ln),
                                                         seen["head_norm"][1])
            return sites

        return sites_of

    return sites


def pooler_of(model, body):
    """The linear layer that reads the first token, and the function after it."""
    if getattr(body, "pooler", None) is not None:
        return body.pooler.dense, torch.tanh
    if hasattr(model, "pre_classifier"):
        return model.pre_classifier, torch.relu
    if hasattr(getattr(model, "classifier", None), "dense"):
        return model.classifier.dense, torch.tanh
    return None


def as_transformers_4(config):
    """The same config as transformers 4 wrote it."""
    dtype = config.pop("dtype")
    return config | {"torch_dtype": dtype, "position_embedding_type": "absolute", "transformers_version": "4.57.1"}


def recipe(name, build, auto, sites, **more):
    return Recipe(name, build, sites, auto=auto, make=make_encoder, **more)


LAYERS = "encoder.layer"
RECIPES = [
    recipe("bert", lambda: BertForMaskedLM(config(WIDE, hidden_act="gelu_new")), AutoModelForMaskedLM,
           post_norm_sites("bert", LAYERS, BERT, "cls.predictions.transform")),
    recipe("bert-untied", lambda: BertForMaskedLM(config(tie_word_embeddings=False)), AutoModelForMaskedLM,
           post_norm_sites("bert", LAYERS, BERT, "cls.predictions.transform")),
    recipe("bert-pooler", lambda: BertModel(config()), AutoModel, post_norm_sites(None, LAYERS, BERT),
           config=as_transformers_4),
    recipe("bert-classes", lambda: BertForSequenceClassification(config(num_labels=3)),
           AutoModelForSequenceClassification, post_norm_sites("bert", LAYERS, BERT)),
    recipe("bert-tags", lambda: BertForTokenClassification(config(num_labels=5)), AutoModelForTokenClassification,
           post_norm_sites("bert", LAYERS, BERT)),
    recipe("distilbert", lambda: DistilBertForMaskedLM(distil_config(16, 24, 2, 4)), AutoModelForMaskedLM,
           post_norm_sites("distilbert", "transformer.layer", DISTIL, "", "vocab_transform", "vocab_layer_norm")),
    recipe("distilbert-plain", lambda: DistilBertModel(distil_config(activation="relu")), AutoModel,
           post_norm_sites(None, "transformer.layer", DISTIL)),
    recipe("distilbert-classes", lambda: DistilBertForSequenceClassification(distil_config()),
           AutoModelForSequenceClassification, post_norm_sites("distilbert", "transformer.layer", DISTIL)),
    recipe("distilbert-tags", lambda: DistilBertForTokenClassification(distil_config()),
           AutoModelForTokenClassification, post_norm_sites("distilbert", "transformer.layer", DISTIL)),
]
