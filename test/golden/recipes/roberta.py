from transformers import (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification,
                          AutoModelForTokenClassification, RobertaConfig, RobertaForMaskedLM,
                          RobertaForSequenceClassification, RobertaForTokenClassification, RobertaModel,
                          XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaForSequenceClassification,
                          XLMRobertaForTokenClassification, XLMRobertaModel)

from recipes.bert import BERT, LAYERS, NARROW, WIDE, post_norm_sites, recipe, sizes


def config(size=NARROW, **other):
    return RobertaConfig(**sizes(size, **{"type_vocab_size": 1, **other}))


def xlm_config(**other):
    return XLMRobertaConfig(**sizes(NARROW, type_vocab_size=1, **other))


BODY = post_norm_sites("roberta", LAYERS, BERT)
MASKED = post_norm_sites("roberta", LAYERS, BERT, "lm_head", ln="layer_norm")
RECIPES = [
    # the head's function is an exact GELU whatever that of the blocks is
    recipe("roberta", lambda: RobertaForMaskedLM(config(WIDE, hidden_act="relu")), AutoModelForMaskedLM, MASKED),
    recipe("roberta-pooler", lambda: RobertaModel(config(type_vocab_size=2)), AutoModel,
           post_norm_sites(None, LAYERS, BERT)),
    recipe("roberta-classes", lambda: RobertaForSequenceClassification(config(num_labels=3)),
           AutoModelForSequenceClassification, BODY),
    recipe("roberta-tags", lambda: RobertaForTokenClassification(config()), AutoModelForTokenClassification, BODY),
    recipe("xlm-roberta", lambda: XLMRobertaForMaskedLM(xlm_config()), AutoModelForMaskedLM, MASKED),
    recipe("xlm-roberta-pooler", lambda: XLMRobertaModel(xlm_config()), AutoModel,
           post_norm_sites(None, LAYERS, BERT)),
    recipe("xlm-roberta-classes", lambda: XLMRobertaForSequenceClassification(xlm_config()),
           AutoModelForSequenceClassification, BODY),
    recipe("xlm-roberta-tags", lambda: XLMRobertaForTokenClassification(xlm_config()),
           AutoModelForTokenClassification, BODY),
]
