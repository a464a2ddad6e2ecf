"""Makes the golden files of the tokenizer tests: small tokenizers of every kind and what Python's libraries do with them.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken==0.14.0 transformers==5.23.0
    python test/golden/tokenizers/make.py      (seconds; rewrites the files beside it)

Training breaks ties differently on every run, so all files change together.

    kinds.json      models by name, and tokenizer.json objects whose `model` is such a name
    expected.json   texts; per kind and text: ids, offsets (start and end in UTF-16 units, flat), decoded text;
                    per kind: random ids and their decoded text, with and without special tokens
    unigram.model, bpe.model    SentencePiece; charsmap.model has a normaliser with rules of its own
    ranks.tiktoken              the merges of the `byte-level` model
    files.json      ids that sentencepiece and tiktoken give for these files
    chat.json       templates, conversations and the text that transformers makes of them
"""

import base64
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent

GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

TEXTS = [
    "", " ", "  ", "   \n\n  ", "\n", "\t\tx\r\n", "Mira gave the red cup to Tomo.", "hello  world", "  leading and trailing  ",
    "I'll say it's JOHN'S, won't I? 'twas we'd they're", "1234567890 12 3.14 ½ ² Ⅷ ٣", "don't!!! ...what?!", "a" * 120, "x",
    "naïve café résumé", "cafe\u0301 A\u030a n\u0303o", "ÅÄÖ åäö ẞß ΑΣ ΟΔΟΣ İi", "ﬁne ﬂow ™ ① Ａｂｃ　ｗ", "日本語のテキスト。漢字カナ", "中文，没有空格",
    "한국어 텍스트 각", "\u1112\u1161\u11ab", "Привет, мир!", "مرحبا بالعالم", "שָׁלוֹם", "हिन्दी में", "ภาษาไทย", "👍🏽 👩‍👩‍👧‍👦 🇫🇷 🏴‍☠️", "🙂", "a🙂b",
    "zero\u200bwidth\u200djoin \u00a0nbsp\u2003em\ufeffbom", "\ufeffstart", "\x00nul\x07bell\x7f", "tab\tand\u0085next\u2028line", "real \ufffd char",
    "<s>not the start</s> <unk>", "before <|sep|> after<|sep|>x", "  <mask>  masked <mask>", "cat category cat", "<0x41> <0xZZ>", "▁metaspace▁in text ▁",
    "##hash ##tag [CLS] [UNK]", "end with space ", "über-lang" * 8, "the cat sat on the mat, the cat sat.", "e\u0301\u0302\u0303 combining",
]

WORDS = ["the", "cat", "sat", "on", "mat", "Mira", "Tomo", "gave", "red", "cup", "to", "a", "hello", "world", "and", "it's", "don't", "naïve", "café",
         "trailing", "leading", "category", "text", "日本語", "漢字", "мир", "привет", "über", "lang", "1234", "56", "what", "say", "combining", "🙂"]


def corpus():
    rng = random.Random(7)
    marks = [".", ",", "!", "?", "\n", ""]
    return [" ".join(rng.choices(WORDS, k=rng.randint(3, 9))) + rng.choice(marks) for _ in range(600)]


def added(content, **flags):
    return AddedToken(content, **flags)


SEP = added("<|sep|>", special=True, normalized=False)
MASK = added("<mask>", special=True, normalized=False, lstrip=True)
CAT = added("cat", single_word=True, special=False, normalized=True)


def byte_level_model():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def with_model(tokenizer, **model):
    """A copy of the tokenizer, with fields of its model changed."""
    whole = json.loads(tokenizer.to_str())
    whole["model"].update(model)
    return Tokenizer.from_str(json.dumps(whole))


def byte_level_kinds():
    base = byte_level_model()
    gpt2 = with_model(base)
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.decoder = decoders.ByteLevel()
    gpt2.post_processor = processors.ByteLevel(trim_offsets=False)
    gpt2.add_tokens([SEP, CAT])
    yield "gpt2", gpt2, "byte-level"

    roberta = with_model(base)
    roberta.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    roberta.decoder = decoders.ByteLevel()
    roberta.add_tokens([added("<s>", special=True, normalized=False), added("</s>", special=True, normalized=False), MASK])
    ids = {token: roberta.token_to_id(token) for token in ("<s>", "</s>")}
    roberta.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), trim_offsets=False, add_prefix_space=True)
    yield "roberta", roberta, "byte-level"

    llama3 = with_model(base, ignore_merges=True)
    llama3.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3.decoder = decoders.ByteLevel()
    llama3.add_tokens([added("<|begin|>", special=True, normalized=False), SEP])
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A <|begin|>:1 $B:1", special_tokens=[("<|begin|>", llama3.token_to_id("<|begin|>"))])])
    yield "llama3", llama3, "byte-level"

    qwen = with_model(base)
    qwen.normalizer = normalizers.NFC()
    qwen.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    qwen.decoder = decoders.ByteLevel()
    qwen.post_processor = processors.ByteLevel(trim_offsets=False)
    qwen.add_tokens([SEP])
    yield "qwen", qwen, "byte-level"

    digits = with_model(base)
    digits.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    digits.decoder = decoders.ByteLevel()
    yield "digits", digits, "byte-level"


def clip_kind():
    tokenizer = Tokenizer(models.BPE(unk_token="<|end|>", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=650, special_tokens=["<|start|>", "<|end|>"], initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train_from_iterator(corpus() + alphabet * 2, trainer)
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    start, end = tokenizer.token_to_id("<|start|>"), tokenizer.token_to_id("<|end|>")
    tokenizer.post_processor = processors.RobertaProcessing(("<|end|>", end), ("<|start|>", start), trim_offsets=False, add_prefix_space=False)
    return tokenizer


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_fallback_model():
    """Trained with ▁ for spaces; the byte tokens stand after <unk>, <s>, </s> as in Llama 2."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    trained.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    trained.train_from_iterator(corpus(), trainer)
    model = json.loads(trained.to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    vocab = words[:3] + BYTES + words[3:]
    merges = [tuple(merge) for merge in model["merges"]]
    return models.BPE({token: i for i, token in enumerate(vocab)}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


SPM_SPECIALS = [added(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")]


def byte_fallback_kinds():
    llama2 = Tokenizer(byte_fallback_model())
    llama2.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    llama2.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    llama2.add_tokens(SPM_SPECIALS)
    llama2.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    yield "llama2", llama2, "byte-fallback"

    gemma = Tokenizer(byte_fallback_model())
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    gemma.add_tokens(SPM_SPECIALS)
    gemma.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    yield "gemma", gemma, "byte-fallback"

    mistral = Tokenizer(byte_fallback_model())
    mistral.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    mistral.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    mistral.add_tokens(SPM_SPECIALS)
    yield "mistral", mistral, "byte-fallback"


RULES = [("ﬁ", "fi"), ("ﬂ", "fl"), ("™", "TM"), ("①", "1"), ("\u3000", " "), ("\t", " "), ("\n", " "), ("\u00a0", " "), ("\u200b", " "), ("\ufeff", ""),
         ("e\u0301", "é"), ("A\u030a", "Å"), ("n\u0303", "ñ"), ("½", "1⁄2"), ("Ⅷ", "VIII"), ("Ａ", "A"), ("ｂ", "b"), ("ｃ", "c"), ("ｗ", "w")]


def train_sentencepiece(name, folder, **options):
    rules = folder / "rules.tsv"
    rules.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in a)}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in RULES))
    normal = {"normalization_rule_tsv": str(rules)} if options.pop("rules", False) else {"normalization_rule_name": "identity"}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line.strip() for line in corpus()), model_prefix=str(folder / name), minloglevel=2, hard_vocab_limit=False, **normal, **options)
    (HERE / f"{name}.model").write_bytes((folder / f"{name}.model").read_bytes())
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{name}.model"))


def sentencepiece_models():
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        return {
            "unigram": train_sentencepiece("unigram", folder, model_type="unigram", vocab_size=160, rules=True, bos_id=-1, pad_id=0, eos_id=1, unk_id=2),
            "bpe": train_sentencepiece("bpe", folder, model_type="bpe", vocab_size=480, byte_fallback=True, remove_extra_whitespaces=False,
                                       split_digits=True, allow_whitespace_only_pieces=True),
            "symbols": train_sentencepiece("symbols", folder, model_type="bpe", vocab_size=420, byte_fallback=True, add_dummy_prefix=False,
                                           remove_extra_whitespaces=False, user_defined_symbols=["<|sep|>", "\n\n", "▁▁"]),
        }


def unigram_kind(processor):
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString((HERE / "unigram.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], proto.trainer_spec.unk_id, False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    tokenizer.add_tokens([added("<pad>", special=True, normalized=False), added("</s>", special=True, normalized=False), added("<unk>", special=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def unigram_bytes_kind():
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False))
    vocab = [tuple(entry) for entry in json.loads(trained.to_str())["model"]["vocab"]]
    kept = [entry for entry in vocab if all(ord(c) < 0x400 or c == "▁" for c in entry[0])]
    tokenizer = Tokenizer(models.Unigram(kept + [(byte, 0.0) for byte in BYTES], 0, True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return tokenizer


def bert_kinds():
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    for name, lowercase in (("bert-uncased", True), ("bert-cased", False)):
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=specials, show_progress=False)
        tokenizer.train_from_iterator(corpus(), trainer)
        tokenizer.decoder = decoders.WordPiece("##")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        yield name, tokenizer, name


def word_level_kind():
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(corpus(), trainers.WordLevelTrainer(special_tokens=["[UNK]", "[SEP]"], show_progress=False))
    return tokenizer


def utf16(text):
    """Position in UTF-16 units of every code point, and of the end."""
    at = [0]
    for char in text:
        at.append(at[-1] + len(char.encode("utf-16-le")) // 2)
    return at


def expected(tokenizer, rng):
    rows = []
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        at = utf16(text)
        offsets = [at[i] for span in encoding.offsets for i in span]
        rows.append([encoding.ids, offsets, tokenizer.decode(encoding.ids, skip_special_tokens=False)])
    # Bytes that are no UTF-8 are told apart only by how libraries replace them, so byte tokens stay out.
    ids = [i for token, i in tokenizer.get_vocab().items() if not token.startswith("<0x")]
    draws = [rng.choices(sorted(ids), k=24) for _ in range(4)]
    random_rows = [[draw, tokenizer.decode(draw, skip_special_tokens=False), tokenizer.decode(draw, skip_special_tokens=True)] for draw in draws]
    return {"texts": rows, "random": random_rows}


def chat():
    from transformers.utils.chat_template_utils import render_jinja_template

    spec = json.loads((HERE / "chat-cases.json").read_text())
    out = []
    for case in spec["cases"]:
        template = spec["templates"][case["template"]]
        options = {"bos_token": "<s>", "eos_token": "</s>", **case.get("options", {})}
        try:
            rendered, _ = render_jinja_template([case["messages"]], chat_template=template, **options)
            out.append({"text": rendered[0]})
        except Exception as error:
            out.append({"error": str(error)})
    write("chat.json", out)


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("]],", "]],\n").replace('},"', '},\n"') + "\n")


def main():
    processors_by_name = sentencepiece_models()
    kinds = [*byte_level_kinds(), ("clip", clip_kind(), "clip"), *byte_fallback_kinds(), ("t5", unigram_kind(processors_by_name["unigram"]), "unigram"),
             ("unigram-bytes", unigram_bytes_kind(), "unigram-bytes"), *bert_kinds(), ("words", word_level_kind(), "words")]
    rng = random.Random(11)
    model_of, tokenizers, results = {}, {}, {}
    for name, tokenizer, model in kinds:
        whole = json.loads(tokenizer.to_str())
        model_of.setdefault(model, {**whole["model"], "ignore_merges": False} if "ignore_merges" in whole["model"] else whole["model"])
        overrides = {"ignore_merges": True} if whole["model"].get("ignore_merges") else {}
        tokenizers[name] = {**whole, "model": {"is": model, **overrides}}
        results[name] = expected(tokenizer, rng)
    write("kinds.json", {"models": model_of, "tokenizers": tokenizers})
    write("expected.json", {"texts": TEXTS, "kinds": results})

    ranks = byte_ranks(model_of["byte-level"])
    (HERE / "ranks.tiktoken").write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()))
    coders = {name: tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={}) for name, pattern in (("llama3", LLAMA3), ("qwen", QWEN))}
    write("files.json", {
        **{name: [processor.encode(text) for text in TEXTS] for name, processor in processors_by_name.items()},
        **{f"tiktoken-{name}": [coder.encode(text, disallowed_special=()) for text in TEXTS] for name, coder in coders.items()},
    })
    if (HERE / "chat-cases.json").exists():
        chat()


def byte_ranks(model):
    alphabet = bytes_to_unicode()
    return {bytes(alphabet[c] for c in token): rank for token, rank in sorted(model["vocab"].items(), key=lambda item: item[1])}


def bytes_to_unicode():
    """GPT-2's alphabet, character to byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {**{chr(byte): byte for byte in printable}, **{chr(256 + i): byte for i, byte in enumerate(rest)}}


main()
