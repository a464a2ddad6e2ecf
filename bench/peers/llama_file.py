"""A GGUF file as `llama-quantize` makes it of a Llama in Q4_0: matrices in Q4_0, the tied embedding in Q6_K, norms in float32.

The numbers are random; a block of them is repeated, because only their bytes are read and multiplied.
"""

from pathlib import Path

from peer import hashed_words

REPEATED = 1 << 16  # bytes of random numbers a tensor repeats


def write(file, layers, width, heads, kv_heads, hidden, vocabulary, context):
    """Writes the file, unless it is there."""
    from importlib.metadata import version

    def work():
        if not Path(file).exists():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            build(f"{file}.part", layers, width, heads, kv_heads, hidden, vocabulary, context)
            Path(f"{file}.part").rename(file)

    return work, f"gguf {version('gguf')}", lambda _: []


def build(file, layers, width, heads, kv_heads, hidden, vocabulary, context):
    import gguf
    import numpy as np

    out = gguf.GGUFWriter(file, "llama")
    out.add_block_count(layers)
    out.add_context_length(context)
    out.add_embedding_length(width)
    out.add_feed_forward_length(hidden)
    out.add_head_count(heads)
    out.add_head_count_kv(kv_heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(500000.0)
    out.add_rope_dimension_count(width // heads)
    out.add_vocab_size(vocabulary)
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    # ids are all that is used: token i is the text "<i>"
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("llama-bpe")
    out.add_token_list([f"<{i}>" for i in range(vocabulary)])
    out.add_token_types([gguf.TokenType.NORMAL] * vocabulary)
    out.add_token_merges(["< 0", "0 >"])
    out.add_bos_token_id(0)
    out.add_eos_token_id(1)

    def norm(name):
        out.add_tensor(f"{name}.weight", np.ones(width, np.float32))

    def matrix(name, rows, columns, kind=gguf.GGMLQuantizationType.Q4_0):
        size, bytes_each = gguf.GGML_QUANT_SIZES[kind]
        blocks = hashed_blocks(name, REPEATED // bytes_each, bytes_each, kind)
        data = np.resize(blocks, (rows, columns // size * bytes_each))
        out.add_tensor(f"{name}.weight", data, raw_dtype=kind)

    narrow = width // heads * kv_heads
    matrix("token_embd", vocabulary, width, gguf.GGMLQuantizationType.Q6_K)
    norm("output_norm")
    for i in range(layers):
        norm(f"blk.{i}.attn_norm")
        matrix(f"blk.{i}.attn_q", width, width)
        matrix(f"blk.{i}.attn_k", narrow, width)
        matrix(f"blk.{i}.attn_v", narrow, width)
        matrix(f"blk.{i}.attn_output", width, width)
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", hidden, width)
        matrix(f"blk.{i}.ffn_up", hidden, width)
        matrix(f"blk.{i}.ffn_down", width, hidden)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def hashed_blocks(name, count, bytes_each, kind):
    """Blocks of random bytes whose scales make numbers of about the spread of a trained network's."""
    import gguf
    import numpy as np

    blocks = (hashed_words(name, 0, count * bytes_each) & 0xFF).astype(np.uint8).reshape(count, bytes_each)
    if kind == gguf.GGMLQuantizationType.Q4_0:  # a half, then 32 numbers in -8..7
        blocks[:, :2] = np.array([0.005], np.float16).view(np.uint8)
    else:  # low and high bits of 256 numbers in -32..31, 16 scales in -128..127, a half
        blocks[:, -2:] = np.array([2e-5], np.float16).view(np.uint8)
    return blocks
