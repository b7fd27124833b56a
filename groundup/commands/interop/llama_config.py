"""`ModelConfig` as the config.json of a `LlamaForCausalLM`, and back.

Llama is what the defaults of `ModelConfig` describe: RMSNorm before each sublayer, RoPE, SwiGLU,
no biases. What differs from it is refused, in both directions.
"""

from typing import Any

from groundup.commands.common import Refusal

Fields = dict[str, Any]

LLAMA = {"norm": "pre", "position": "rope", "ffn": "swiglu"}
SAME = {
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "d_model": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "norm_eps": "rms_norm_eps",
    "tie_embeddings": "tie_word_embeddings",
}
SIZES = ("vocab_size", "context_length", "d_model", "num_layers", "num_heads", "d_ff")
# What transformers takes where config.json says nothing.
DEFAULTS: Fields = {"rms_norm_eps": 1e-6, "tie_word_embeddings": False}


def to_llama(model: Fields) -> Fields:
    """The config.json of a model with these fields of `ModelConfig`."""
    for field, value in LLAMA.items():
        if model[field] != value:
            raise Refusal(
                f"expected {field} {value!r}, found {model[field]!r}, which Llama cannot express; "
                "only models like Llama can be exported"
            )
    theta = model["rope_theta"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{theirs: model[ours] for ours, theirs in SAME.items()},
        "num_key_value_heads": model["num_heads"],
        "head_dim": model["d_model"] // model["num_heads"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "rope_theta": theta,  # where transformers 4 looks; 5 reads the next
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "dtype": "float32",
    }


def from_llama(found: Fields) -> Fields:
    """The fields of `ModelConfig` for the model of a config.json."""
    found = DEFAULTS | found
    missing = sorted(set(SAME.values()) - found.keys())
    if missing or found.get("model_type") != "llama":
        what = f"no {missing[0]}" if missing else f"model_type {found.get('model_type')!r}"
        raise Refusal(f"expected the config.json of a Llama model, found one with {what}")
    for name in (SAME[size] for size in SIZES):
        if type(found[name]) is not int or found[name] >= 2**31:  # a bool is an int too
            raise TypeError(f"{name} must be a whole number below 2**31, found {found[name]!r}")
    heads, rope = found["num_attention_heads"], _rope(found)
    expected = {
        "num_key_value_heads": heads,
        "head_dim": found["hidden_size"] // heads,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
    }
    differing = {k: (v, found[k]) for k, v in expected.items() if found.get(k, v) not in (v, None)}
    if rope["rope_type"] != "default":
        differing["rope_type"] = ("default", rope["rope_type"])
    for field, (allowed, value) in differing.items():
        raise Refusal(
            f"expected {field} {allowed!r} in config.json, found {value!r}, which the model of "
            "stage 04 cannot express"
        )
    return {ours: found[theirs] for ours, theirs in SAME.items()} | {
        "rope_theta": float(rope["rope_theta"])
    }


def _rope(found: Fields) -> Fields:
    """How positions are turned: `rope_parameters` in transformers 5, two fields in 4."""
    scaling = found.get("rope_scaling") or {}
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    old = {"rope_type": kind, "rope_theta": found.get("rope_theta", 10_000.0)}
    return old | (found.get("rope_parameters") or {})
