"""Take secrets out of a command line before it is recorded."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

SECRET_WORD = r"(?:token|secret|passw(?:or)?d|pass|pwd|api[-_]?key|access[-_]?key|auth|credential|cookie|bearer|private[-_]?key|session[-_]?id|signature)"

SECRET_OPTION = re.compile(rf"(?i)^-{{0,2}}[\w.-]*{SECRET_WORD}[\w.-]*$")
SECRET_ASSIGNMENT = re.compile(rf"(?i)^(-{{0,2}}[\w.-]*{SECRET_WORD}[\w.-]*[=:])(.+)$")

SECRET_VALUES = (
    re.compile(r"(?i)(?<=://)[^/\s@]+@"),  # user:password in a URL
    re.compile(rf"(?i)(?<=[?&])([\w.-]*{SECRET_WORD}[\w.-]*=)[^&\s]+"),
    re.compile(r"\b(?:hf|sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abpr]|AKIA|ASIA|AIza|ya29|nvapi)[-_A-Za-z0-9.]{12,}"),
    re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*"),  # JSON web token
    re.compile(r"(?i)\bbearer\s+\S+"),
    re.compile(r"-----BEGIN [A-Z ]+-----.*", re.S),
    re.compile(r"\b[0-9a-fA-F]{32,}\b"),
    re.compile(r"\b(?=[A-Za-z0-9+/]*\d)(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{40,}={0,2}"),
)  # fmt: skip


def redact(arguments: list[str]) -> list[str]:
    """The arguments with values that look like secrets replaced; a path or a number stays."""
    clean: list[str] = []
    hide_next = False
    for argument in arguments:
        if hide_next and not argument.startswith("-"):
            clean.append(HIDDEN)
            hide_next = False
            continue
        hide_next = argument.startswith("-") and bool(SECRET_OPTION.match(argument))
        clean.append(_redact_value(argument))
    return clean


def _redact_value(argument: str) -> str:
    assignment = SECRET_ASSIGNMENT.match(argument)
    if assignment:
        return assignment[1] + HIDDEN
    for pattern in SECRET_VALUES:
        argument = pattern.sub(lambda found: _replacement(found), argument)
    return argument


def _replacement(found: re.Match[str]) -> str:
    kept = found[1] if found.re.groups else ""
    return kept + HIDDEN + ("@" if found[0].endswith("@") else "")
