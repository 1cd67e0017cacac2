"""Secrets on a command line never reach a recording; what is ordinary stays readable."""

from __future__ import annotations

import pytest

from infprof.profiler.redact import redact

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MIXED = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY01"

SECRETS = {
    "option and value": (["--token", "hunter2"], "hunter2"),
    "option=value": (["--password=correct horse, battery"], "battery"),
    "underscored option": (["--api_key", "hunter2"], "hunter2"),
    "single dash": (["-auth", "hunter2"], "hunter2"),
    "camel case": (["--accessToken", "hunter2"], "hunter2"),
    "environment assignment": (["OPENAI_API_KEY=hunter2"], "hunter2"),
    "dotted override": (["db.password=hunter2"], "hunter2"),
    "override among others": (["model=a,db.password=hunter2,x=1"], "hunter2"),
    "JSON": (['{"user": "a", "password": "hunter2"}'], "hunter2"),
    "header": (["X-Api-Key: hunter2"], "hunter2"),
    "bearer header": (["Authorization: Bearer hunter2.abc"], "hunter2"),
    "basic header": (["-H", "Proxy: Basic aHVudGVyMg=="], "aHVudGVyMg"),
    "URL with password": (["postgresql://bob:hunter2@db/x"], "hunter2"),
    "URL with an @ in the password": (["https://bob:hun@ter2@db/x"], "ter2"),
    "URL with token": (["https://a.b/c?x=1&access_token=hunter2&y=2"], "hunter2"),
    "signed URL": (["https://a.b/c?sv=1&sig=hunter2%3D"], "hunter2"),
    "Hugging Face": (["hf_abcdefghijklmnopqrstuv"], "abcdefghijkl"),
    "OpenAI": (["x", "sk-proj-abc123def456ghi789jkl"], "abc123def456"),
    "GitHub": (["ghp_16C7e42F292c6912E7710c838347Ae178B4a"], "292c6912"),
    "GitHub, fine-grained": (["github_pat_11ABCDEFG0abcdefghij"], "ABCDEFG0"),
    "GitLab": (["glpat-abcdefghij1234567890"], "abcdefghij"),
    "Slack": (["xoxb-123456789012-abcdefgh"], "123456789012"),
    "AWS key id": (["AKIAIOSFODNN7EXAMPLE"], "IOSFODNN7"),
    "AWS secret": (["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"], "bPxRfiCY"),
    "Google": (["AIzaSyD-abcdefghijklmnopqrstuvwxyz12345"], "abcdefghij"),
    "NVIDIA": (["nvapi-abcdefghij1234567890"], "abcdefghij"),
    "JSON web token": (["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def"], "eyJzdWIi"),
    "PEM": (["-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"], "MIIEvQ"),
    "hexadecimal": ([HEX], HEX[:16]),
    "mixed": ([MIXED], MIXED[:16]),
    "base64": (["Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm8="], "YmFyYmF6"),
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_never_survives(kind: str) -> None:
    arguments, secret = SECRETS[kind]
    assert secret in " ".join(arguments)
    clean = " ".join(redact(["python", "serve.py", *arguments, "--port", "80"]))
    assert secret not in clean
    assert "[redacted]" in clean
    assert clean.startswith("python serve.py ") and clean.endswith(" --port 80")


@pytest.mark.parametrize(
    "argument",
    [
        "serve.py",
        "/home/Someone1/Projects/Vision/Checkpoints/Final/resnet50.pt",
        "models/Llama3/Checkpoints/Final/Weights/Version2/Quantized",
        "../data/Some/Relative/Folder/With/Upper/Case/And/Digits123",
        "meta-llama/Llama-3.1-8B-Instruct",
        "s3://bucket/models/v2",
        "http://localhost:8000/v1",
        "sklearn_pipeline_version_2.pkl",
        "--max-tokens=128",
        "--max_new_tokens=64",
        "--tokenizer=gpt2",
        "--pad-token=<pad>",
        "--eos-token-id=2",
        "--passes=3",
        "--author=Ada",
        "--compass=north",
        "--password-file=/run/secrets/db",
        "--lr=1e-4",
        "cuda:0",
        "12345678901234567890",
        "-0.5",
        "",
        "mot de passe",
        "--key=value",
    ],
)
def test_what_is_ordinary_stays(argument: str) -> None:
    assert redact(["python", argument]) == ["python", argument]


def test_only_the_value_after_a_secret_option_is_hidden() -> None:
    assert redact(["--token", "x", "y", "--max-tokens", "128"]) == [
        "--token",
        "[redacted]",
        "y",
        "--max-tokens",
        "128",
    ]
    assert redact(["--token", "--verbose", "y"]) == ["--token", "--verbose", "y"]


def test_what_surrounds_a_secret_stays_readable() -> None:
    assert redact(["https://bob:pw@host:80/a?x=1&token=t&y=2"]) == [
        "https://[redacted]@host:80/a?x=1&token=[redacted]&y=2"
    ]
