"""Take secrets out of a command line before it is recorded."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

SECRET_WORDS = frozenset(
    "token secret password passwd passphrase passcode pass pwd pw apikey auth authorization "
    "credential credentials cookie bearer signature sig".split()
)
SECRET_KEYS = frozenset(f"{word} key" for word in "api access private secret account".split())
SECRET_KEYS |= {"session id"}

TOKEN_OF_TEXT = frozenset("bos cls eos image mask max min pad per sep special stop unk".split())
"""Before ``token``, one of these makes it a piece of text and no secret."""

ABOUT_SECRETS = frozenset("count dir env file id ids length limit name path type".split())
"""As an option's last word: its value says where the secret is, or how long, not what it is."""

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
ASSIGNMENT = re.compile(r"(?s)(-{0,2}[A-Za-z][\w.-]*)(\s*[=:]\s*)(.+)")
INNER_ASSIGNMENT = re.compile(r"""([A-Za-z][\w.-]*)(["']?\s*[=:]\s*["']?)([^\s"'&,;}]+)""")

SECRET_VALUES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=://)[^/\s?#]+(?=@)",  # user:password in a URL
        r"(?i)\b(?:bearer|basic)\s+[\w+/.=~-]{6,}",
        r"\b(?:sk|pk|rk)[-_](?=\S*\d)[\w-]{16,}",
        r"\b(?:hf_|gh[opsur]_|github_pat_|glpat-|nvapi-|npm_|dckr_pat_|hvs\.|ya29\.)[\w-]{12,}",
        r"\bxox[abeprs]-[\w-]{10,}",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}",
        r"\bAIza[\w-]{30,}",
        r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
        r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*",  # JSON web token
        r"(?s)-----BEGIN [A-Z ]+-----.*",
        r"\b[0-9a-fA-F]{32,}\b",
        # long runs of mixed letters and digits; with slashes only where a path is unlikely
        r"\b(?=[A-Za-z+]*\d)(?=[a-z0-9+]*[A-Z])(?=[A-Z0-9+]*[a-z])[A-Za-z0-9+]{32,}={0,2}",
        r"\b[A-Za-z0-9+/]{40,}={1,2}",
        r"(?<![\w/.~+-])(?=\S*\d)(?=\S*[A-Z])(?=\S*[a-z])[A-Za-z0-9+/]{40}(?![\w/.+=-])",
    )
)


def redact(arguments: list[str]) -> list[str]:
    """The arguments with values that look like secrets replaced; a path or a number stays."""
    clean: list[str] = []
    hide_next = False
    for argument in arguments:
        if hide_next and not argument.startswith("-"):
            clean.append(HIDDEN)
            hide_next = False
            continue
        hide_next = bool(OPTION.fullmatch(argument)) and names_a_secret(argument)
        clean.append(_redact_value(argument))
    return clean


def names_a_secret(name: str) -> bool:
    """Whether what is called so is a secret: ``--api-key`` is, ``--max-tokens`` is not."""
    words = [word.lower() for word in WORD.findall(name)]
    if not words or words[-1] in ABOUT_SECRETS:
        return False
    for before, word in zip(["", *words], words, strict=False):
        is_text = word == "token" and before in TOKEN_OF_TEXT
        if f"{before} {word}" in SECRET_KEYS or (word in SECRET_WORDS and not is_text):
            return True
    return False


def _redact_value(argument: str) -> str:
    whole = ASSIGNMENT.fullmatch(argument)
    if whole and names_a_secret(whole[1]):
        return whole[1] + whole[2] + HIDDEN
    for pattern in SECRET_VALUES:
        argument = pattern.sub(HIDDEN, argument)
    return INNER_ASSIGNMENT.sub(_hide_if_secret, argument)


def _hide_if_secret(found: re.Match[str]) -> str:
    return found[1] + found[2] + HIDDEN if names_a_secret(found[1]) else found[0]
