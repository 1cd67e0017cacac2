"""Names that a recorded program could have if it meant harm, and Reports full of them."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, get_origin

from pydantic import BaseModel

from infprof.reports.report import Report
from tests.sample_report import sample

Model = TypeVar("Model", bound=BaseModel)

MARKUP = [
    "</script><script>alert(1)</script>",
    "</SCRIPT ><svg/onload=alert(1)>",
    "<!--<script>",
    "-->",
    "<![CDATA[",
    "]]>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "</title></style><script>alert(1)</script>",
    "</textarea></pre></code><b>",
    "</td></tr></table><h1>",
    "</details></section></main>",
    "<iframe src=//evil.example>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<void at::native::vectorized_elementwise_kernel<4, float, at::detail::Array<char*, 2>>>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&",
    "red; background: url(//evil.example)",
    "io unattributed",
]
TEMPLATES = [
    "{{7*7}}",
    "{% for x in y %}",
    "{# comment",
    "{{ report.__class__.__mro__ }}",
    "${7*7}",
    "%s %(x)d %n",
    "{0.__class__}",
    "\\u003cscript\\u003e",
]
LINKS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    'https://evil.example/"onclick="alert(1)',
    "https://evil.example/ onclick=alert(1)",
    "https://evil.example/><script>",
    "//evil.example/x",
    "vbscript:x",
]
TERMINAL = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\x00",
    "\x08\x08\x08",
    "\r\noverwritten",
    "tab\there",
    "line\nend",
    "\x7f",
    "\u202egnp.exe",
    "\u2066isolate\u2069",
    "\u200bzero\ufeffwidth",
    "\u2028line\u2029paragraph",
    "[bold]text[/bold]",
    "[link=http://evil.example]x[/link]",
    "[/]",
    ":smile:",
]
MARKDOWN = [
    "`code`",
    "```\nfence",
    "a | b | c",
    "# heading",
    "- item",
    "1. item",
    "===",
    "***",
    "_under_ *star* ~~gone~~",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example and www.evil.example",
    "@everyone #1",
    "\\",
    "\\|",
    "    indented",
    "> quote",
    "[^1]: note",
    "$math$",
]
SIZES = ["", " ", "x" * 10_000, "<" * 10_000, "é" * 3_000, "\U0001f600 名前"]
HOSTILE = MARKUP + TEMPLATES + LINKS + TERMINAL + MARKDOWN + SIZES
NOT_UTF8 = "weights-\udcff\ud800.bin"
"""How Python reads a file name that is not UTF-8. No encoding can hold it as it is."""


def full_of(text: str) -> Report:
    """The sample, no part of it empty, with ``text`` as every name and sentence."""
    report = sample()
    report.breakdown.absent = ["queue"]
    return with_strings(report, text)


def with_strings(model: Model, text: str) -> Model:
    """The same model with ``text`` as every string that is free, keys of dictionaries too."""
    changed = {}
    for name, field in type(model).model_fields.items():
        if get_origin(field.annotation) is not Literal:
            changed[name] = _replaced(getattr(model, name), text)
    return model.model_copy(update=changed)


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return text
    if isinstance(value, BaseModel):
        return with_strings(value, text)
    if isinstance(value, dict):
        return {f"{text}{i}": _replaced(item, text) for i, item in enumerate(value.values())}
    if isinstance(value, list):
        return [_replaced(item, text) for item in value]
    return value
