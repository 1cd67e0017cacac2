"""slow-tokenizer: text cut into tokens by Python."""

from __future__ import annotations

import pytest

from infprof.rules.finding import Outcome, Verdict
from tests.build import recording
from tests.rules.judge import verdict_of

RULE = "slow-tokenizer"
MODEL = "main: 60-100 stack 40 serve.py:9.200:main > lib/torch/nn/modules/module.py:1:_call_impl"
CALL = "serve.py:8.100:main > serve.py:4.30:prepare > lib/transformers/tokenization_utils_base.py:9"


def judged(*stacks: str, rule: str = RULE) -> Verdict:
    text = " | ".join(("main: 0-100 request", *stacks, MODEL))
    return verdict_of(rule, recording(text, gpus=()))


@pytest.mark.parametrize(
    "inner",
    [
        "lib/transformers/tokenization_utils.py:700:tokenize",
        "lib/transformers/tokenization_python.py:70:tokenize",
        "lib/transformers/models/gpt2/tokenization_gpt2.py:200:bpe",
        "lib/sentencepiece/__init__.py:5:Encode",
        "lib/nltk/tokenize/punkt.py:12:tokenize",
        "lib/sacrebleu/tokenizers/tokenizer_13a.py:5:__call__",
    ],
)
def test_tokenizers_in_python(inner: str) -> None:
    (finding,) = judged(f"main: 0-60 stack 60 {CALL}:__call__ > {inner}").findings
    assert finding.where[0].name == "prepare (serve.py:4)"
    assert finding.stage == "preprocess"
    assert (finding.saving.low_ns, finding.saving.high_ns) == (0, 54_000)  # a tenth stays
    assert "60 %" in finding.why
    compile(finding.fix.code, "fix", "exec")


OWN = "main: 0-60 stack 60 serve.py:8.100:main > tok.py:20.60:Tokenizer.encode > tok.py:12.91"


def test_a_tokenizer_of_the_users_own_has_one_finding() -> None:
    (finding,) = judged(f"{OWN}:Tokenizer.merge").findings
    assert finding.where[0].name == "Tokenizer.merge (tok.py:12)"
    assert judged(f"{OWN}:Tokenizer.merge", rule="python-loops").outcome is Outcome.CLEAR


def test_a_call_in_a_short_turn_is_the_loops() -> None:
    merge = "serve.py:8.100:main > tok.py:20.60:Tokenizer.encode > tok.py"
    (finding,) = judged(
        f"main: 0-26 stack 26 {merge}:13.40:Tokenizer.merge",  # more than four times the turns
        f"main: 26-42 stack 16 {merge}:14.60:Tokenizer.merge",
        f"main: 42-48 stack 6 {merge}:12.91:Tokenizer.merge",
    ).findings
    assert finding.where[0].name == "Tokenizer.merge (tok.py:13)"
    assert finding.where[0].detail == "55 % of the samples"  # 48 of 88


def test_a_call_behind_the_loop_is_not_the_loops() -> None:
    (finding,) = judged(
        "main: 0-20 stack 20 serve.py:8.100:main > tok.py:12.91:tokenize",
        "main: 20-60 stack 40 serve.py:8.100:main > tok.py:19.140:tokenize",  # torch.tensor(ids)
    ).findings
    assert finding.where[0].name == "tokenize (tok.py:12)"
    assert finding.where[0].detail == "20 % of the samples"


def test_words_made_of_tokens_belong_to_the_postprocessing() -> None:
    stack = "main: 0-60 stack 60 serve.py:10.300:main > serve.py:30.41:detokenize"
    (finding,) = judged(stack).findings
    assert finding.stage == "postprocess"
    assert judged(stack, rule="cpu-postprocessing").outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(
            f"{CALL}:__call__ > lib/transformers/tokenization_utils_fast.py:5:_batch_encode_plus",
            id="the Rust library",
        ),
        pytest.param(
            f"{CALL}:__call__ > lib/transformers/models/bert/tokenization_bert_fast.py:5:build",
            id="a fast class",
        ),
        pytest.param(f"{CALL}:_pad", id="padding, which both kinds share"),
        pytest.param(
            "serve.py:8.100:main > serve.py:5.40:tokenize", id="the user's, one native call"
        ),
        pytest.param("serve.py:8.100:main > serve.py:5.41:normalise", id="another loop"),
        pytest.param(f"{CALL}:f > lib/transformers/tokenization_utils.py:7:a !lock", id="waits"),
    ],
)
def test_silent(stack: str) -> None:
    assert judged(f"main: 0-60 stack 60 {stack}").outcome is Outcome.CLEAR


def test_a_short_prompt_is_left_alone() -> None:
    slow = f"{CALL}:__call__ > lib/transformers/tokenization_utils.py:7:tokenize"
    rest = "main: 4-60 stack 56 serve.py:8.100:main > serve.py:5.40:resize"
    assert judged(f"main: 0-4 stack 4 {slow}", rest).outcome is Outcome.CLEAR


def test_unknown_with_few_samples() -> None:
    text = f"main: 0-100 request | main: 0-60 stack 9 {CALL}:__call__"
    verdict = verdict_of(RULE, recording(text, gpus=()))
    assert verdict.outcome is Outcome.UNKNOWN and "only 9 samples" in verdict.reason
