"""A model beside transformers' Llama: exported, loaded there, and brought back."""

import json
import shutil
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from groundup.commands import prepared
from groundup.commands.common import Refusal, in_one_line
from groundup.commands.generate import load_writer
from groundup.commands.interop import llama_config, llama_weights
from groundup.commands.interop.export import WEIGHTS, read_folder, write_folder
from groundup.presets import SEPARATOR

TEXT = f"{SEPARATOR}\nOnce there was a cat. Its name was Éva.\n" * 20
PROMPT = f"{SEPARATOR}\nOnce there"
NO_TRAINING = {"steps": 1, "batch_size": 1, "max_lr": 1.0, "min_lr": 0.0, "warmup_steps": 0}


@pytest.fixture(scope="module")
def transformers():
    import transformers  # takes seconds
    from transformers.models.llama import LlamaForCausalLM

    transformers.LlamaForCausalLM = LlamaForCausalLM
    return transformers


def make_run(folder, **changes):
    """A run as training leaves it, of a model with random weights large enough to matter."""
    from s01_bpe import Tokenizer, train_bpe
    from s04_transformer import ModelConfig, TransformerLM
    from s05_adamw_schedule import AdamW
    from s06_training import TrainConfig, save_checkpoint

    folder.mkdir()
    (folder / "text").write_text(TEXT, encoding="utf-8", newline="\n")
    tokenizer = Tokenizer(*train_bpe(folder / "text", 280, [SEPARATOR]), [SEPARATOR])
    tokenizer.save(folder / "tokenizer")
    size = {"context_length": 40, "d_model": 24, "num_layers": 2, "num_heads": 3, "d_ff": 40}
    config = ModelConfig(vocab_size=len(tokenizer.vocab), rope_theta=500.0, **size | changes)
    torch.manual_seed(0)
    model = TransformerLM(config)
    for weight in model.parameters():
        weight.data.mul_(1.5).add_(0.01)
    files = dict.fromkeys(("train_tokens", "valid_tokens", "run_dir"), folder)
    save_checkpoint(
        folder / "checkpoint.pt",
        model=model,
        optimizer=AdamW(model.parameters()),
        step=0,
        config=TrainConfig(model=config, **files, **NO_TRAINING),
        generator=torch.Generator(),
    )
    known = dict.fromkeys(("tokenizer_code", "tokenizer_owner"), "")
    known |= dict.fromkeys(("train_tokens", "valid_tokens", "asked_vocab_size"), 0)
    known |= {"source": {}, "special_tokens": [SEPARATOR], "separators": 20, "entropy_floor": None}
    prepared.write_json(folder / "data.json", {**known, "vocab_size": len(tokenizer.vocab)})
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "plain"), make_run(folder / "tied", tie_embeddings=True)


@pytest.fixture(scope="module")
def exported(runs, run):
    """The folders of both runs; the first was made by the command, whose output is beside."""
    folders = [each.with_name(f"{each.name}-exported") for each in runs]
    done = run("groundup", "export", str(runs[0]), str(folders[0]), "--reference", "all")
    folders[1].mkdir()
    write_folder(runs[1], folders[1])
    return folders, done


def load_ours(folder):
    from s06_training import load_model

    return load_model(folder / "checkpoint.pt"), prepared.load_tokenizer(folder)


@torch.no_grad()
def test_transformers_gives_the_same_logits_and_greedy_ids(runs, exported, transformers):
    from s07_decoding import generate

    for folder, there in zip(runs, exported[0], strict=True):
        model, tokenizer = load_ours(folder)
        theirs = transformers.LlamaForCausalLM.from_pretrained(there)
        ids = torch.tensor([tokenizer.encode(TEXT)[:40]])
        torch.testing.assert_close(theirs(ids).logits, model(ids), rtol=1e-4, atol=1e-4)
        prompt = torch.tensor([tokenizer.encode(PROMPT)])
        found = theirs.generate(prompt, max_new_tokens=20, do_sample=False)[0, prompt.shape[1] :]
        stop = tokenizer.special_tokens[SEPARATOR]
        [ours] = generate(model, prompt.tolist(), 20, temperature=0.0, stop_ids=[stop])
        assert [each for each in found.tolist() if each != stop] == ours
        assert len(set(ours)) > 3


def test_transformers_gives_the_same_ids_of_a_text(runs, exported, transformers):
    _, tokenizer = load_ours(runs[0])
    theirs = transformers.AutoTokenizer.from_pretrained(exported[0][0])
    for text in (TEXT, "  a\n\n b's 12 <|endo", f"é{SEPARATOR}{SEPARATOR} 🙃"):
        ids = tokenizer.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text
    assert (theirs.bos_token, theirs.eos_token) == (SEPARATOR, SEPARATOR)


@torch.no_grad()
def test_a_model_comes_back_as_it_was(runs, exported, tmp_path):
    for folder, there in zip(runs, exported[0], strict=True):
        read_folder(there, tmp_path / folder.name)
        (before, old), (after, new) = load_ours(folder), load_ours(tmp_path / folder.name)
        assert after.config == before.config
        for name, weight in before.state_dict().items():
            assert torch.equal(after.state_dict()[name], weight), name
        assert (new.vocab, new.merges, new.special_tokens) == (
            old.vocab,
            old.merges,
            old.special_tokens,
        )
        texts = [
            list(load_writer(each, 20, {"temperature": 1.0}).stream("Once", 0))
            for each in (folder, tmp_path / folder.name)
        ]
        assert texts[0] == texts[1]


def test_what_transformers_saves_is_read(runs, exported, transformers, tmp_path):
    theirs = transformers.LlamaForCausalLM.from_pretrained(exported[0][0])
    theirs.save_pretrained(tmp_path / "theirs")
    tokenizer = transformers.AutoTokenizer.from_pretrained(exported[0][0])
    tokenizer.save_pretrained(tmp_path / "theirs")
    read_folder(tmp_path / "theirs", tmp_path / "back")
    (before, old), (after, new) = load_ours(runs[0]), load_ours(tmp_path / "back")
    assert after.config == before.config
    ids = torch.tensor([old.encode(TEXT)[:40]])
    assert torch.equal(after(ids), before(ids))
    assert new.encode(TEXT) == old.encode(TEXT)
    assert prepared.load(tmp_path / "back").separators == 1


def test_export_says_what_it_made(exported):
    folders, done = exported
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("holds the model and its tokenizer, as transformers reads them\n")
    assert {path.name for path in folders[0].iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"),
    }


def test_an_ablation_is_refused_in_one_line():
    from s04_transformer import ModelConfig

    sizes = {"context_length": 4, "d_model": 4, "num_layers": 1, "num_heads": 2, "d_ff": 4}
    config = ModelConfig(vocab_size=4, **sizes)
    for changes in ({"norm": "post"}, {"norm": "none"}, {"position": "none"}, {"ffn": "silu"}):
        with pytest.raises(Refusal, match=f"^expected {next(iter(changes))} .*cannot express"):
            llama_config.to_llama(asdict(replace(config, **changes)))
    assert llama_config.from_llama(llama_config.to_llama(asdict(config))) == {
        name: value for name, value in asdict(config).items() if name not in llama_config.LLAMA
    }


OTHERS = {
    "grouped queries": ({"num_key_value_heads": 1}, "expected num_key_value_heads 3"),
    "biases": ({"attention_bias": True}, "expected attention_bias False"),
    "scaled positions": ({"rope_scaling": {"type": "linear"}}, "expected rope_type 'default'"),
    "another family": ({"model_type": "gpt2"}, "found one with model_type 'gpt2'"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_models_that_stage_04_cannot_express_are_refused(case, exported):
    changes, message = OTHERS[case]
    config = json.loads((exported[0][0] / "config.json").read_text(encoding="utf-8"))
    config.pop("rope_parameters")  # transformers 4 does not know it
    assert llama_config.from_llama(config)["rope_theta"] == 500.0
    with pytest.raises(Refusal, match=message):
        llama_config.from_llama(config | changes)


@pytest.mark.parametrize(
    "change",
    [{"num_attention_heads": 0}, {"hidden_size": "wide"}, {"hidden_size": -8}, {"rope_scaling": 5}]
    + [{"rope_parameters": {"rope_theta": "x"}}, {"vocab_size": None}, {"vocab_size": 300.5}]
    + [{"vocab_size": True}, {"vocab_size": 10**30}],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_in_one_line(change, exported, tmp_path):
    folder = exported[0][0]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | change
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(Refusal, match=r"^expected .*config\.json"):
        read_folder(tmp_path, tmp_path / "run")


def test_a_weight_that_is_missing_is_named():
    missing = r"expected model\.embed_tokens\.weight in model\.safetensors"
    with pytest.raises(Refusal, match=missing):
        llama_weights.from_llama({}, shapes={}, num_layers=1, num_heads=1, tied=False)


DAMAGED = {
    "cut": ("vocab.json", lambda text: text[:500], "is not a vocab.json"),
    "a list": ("vocab.json", lambda text: b"[]", "is not a vocab.json"),
    "not UTF-8": ("vocab.json", lambda text: b"\xff" + text, "is not a vocab.json"),
    "an id too large": ("vocab.json", lambda text: text.replace(b" 0,", b" 280,"), "found 280;"),
    "merges not UTF-8": ("merges.txt", lambda text: text + b"\xff", "is not a merges.txt"),
    "merges cut": ("merges.txt", lambda text: text[:14], "expected a merge for every token"),
}


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_tokenizer_is_not_exported(name, damage, message, runs, tmp_path):
    path = shutil.copytree(runs[0], tmp_path / "run") / "tokenizer" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises((Refusal, ValueError), match=message) as raised:
        write_folder(tmp_path / "run", tmp_path / "out")
    assert isinstance(raised.value, Refusal) or in_one_line(raised.value)
    assert path.as_posix() in str(raised.value)


def alter(folder, part, change):
    """Put entries into a part of a file in `folder`, or take those out that are None."""
    name, *inside = part.split(":")
    if name == WEIGHTS:
        save_file(load_file(folder / name) | change, folder / name)
        return
    found = entries = json.loads((folder / name).read_text(encoding="utf-8"))
    for key in inside:
        entries = entries[key]
    entries.update(change)
    for key in [key for key in change if change[key] is None]:
        del entries[key]
    (folder / name).write_text(json.dumps(found), encoding="utf-8")


def test_a_separator_that_is_lost_comes_back_as_when_generating(runs, exported, tmp_path):
    shutil.copytree(runs[0], tmp_path / "run")
    alter(tmp_path / "run" / "tokenizer", "vocab.json", {SEPARATOR: None})
    write_folder(tmp_path / "run", tmp_path / "out")
    before, after = (each / "vocab.json" for each in (exported[0][0], tmp_path / "out"))
    assert after.read_bytes() == before.read_bytes()


QUERIES, HEAD = "model.layers.0.self_attn.q_proj.weight", "lm_head.weight"
MODEL, VOCAB, TIED = "tokenizer.json:model", "tokenizer.json:model:vocab", "tie_word_embeddings"
ID = "an id of its own from 0 to 279 in FILE, found another for 'a'"
HOSTILE = {
    "25 rows": (WEIGHTS, {QUERIES: torch.ones(25, 24)}, f"for {QUERIES}, found (25, 24)"),
    "no rows": (WEIGHTS, {QUERIES: torch.tensor(1.0)}, f"for {QUERIES}, found () in"),
    "NaN": (WEIGHTS, {HEAD: torch.full((280, 24), torch.nan)}, f"infinity or NaN in {HEAD}"),
    "infinity": (WEIGHTS, {QUERIES: torch.full((24, 24), torch.inf)}, f"NaN in {QUERIES}"),
    "a layer": ("config.json", {"num_hidden_layers": 1}, "asks for, found model.layers.1.input_"),
    "a head": ("config.json", {TIED: True}, f"only what config.json asks for, found {HEAD}"),
    "an id too large": (VOCAB, {"a": 280}, ID),
    "an id below 0": (VOCAB, {"a": -1}, ID),
    "an id of two": (VOCAB, {"a": 98}, ID),
    "an id in a list": (VOCAB, {"a": [1]}, ID),
    "an id that is true": (VOCAB, {"a": True}, ID),
    "a byte": (VOCAB, {"Ā": None}, "each of the 256 bytes in FILE, found none for 'Ā'"),
    "a space": (VOCAB, {"Ā": None, "a b": 0}, "for bytes in FILE, found the token 'a b'"),
    "a surrogate": (MODEL, {"merges": ["\ud800 a"]}, r"in FILE, found the merge '\ud800 a'"),
    "three": (MODEL, {"merges": [["a", "b c"]]}, "a third in FILE, found the merge 'a b c'"),
    "no merges": (MODEL, {"merges": []}, "a merge for every token in FILE, found none for '"),
    "bos_token": ("tokenizer_config.json", {"bos_token": {}}, "expected a bos_token of text"),
}


@pytest.mark.parametrize(("part", "change", "message"), HOSTILE.values(), ids=HOSTILE)
def test_what_would_break_later_is_refused_in_one_line(part, change, message, exported, tmp_path):
    there = shutil.copytree(exported[0][0], tmp_path / "there")
    alter(there, part, change)
    with pytest.raises(Refusal, match=r"\A.+\Z") as refused:
        read_folder(there, tmp_path / "run")
    assert message.replace("FILE", (there / "tokenizer.json").as_posix()) in str(refused.value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_json_too_deep_to_read_is_refused_in_one_line(name, exported, tmp_path):
    path = shutil.copytree(exported[0][0], tmp_path / "there") / name
    path.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(Refusal, match=f"^expected JSON in .*{name}, found something else"):
        read_folder(path.parent, tmp_path / "run")


def test_weights_that_say_nothing_new_are_ignored(exported, tmp_path):
    there = shutil.copytree(exported[0][1], tmp_path / "there")
    embedding = load_file(there / WEIGHTS)["model.embed_tokens.weight"]
    alter(there, WEIGHTS, {HEAD: embedding.clone(), "model.rotary_emb.inv_freq": torch.ones(4)})
    read_folder(there, tmp_path / "run")
    assert load_ours(tmp_path / "run")[0].config.tie_embeddings
