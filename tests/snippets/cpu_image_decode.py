"""A photograph, and what is loaded of it."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image


def _photograph() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1600, 1200), "teal").save(file, "JPEG")
    return file.getvalue()


FILES = {"photograph.jpg": _photograph()}


def test_it_has_the_size_of_the_input(load: Callable[[str], Image.Image], Image: object) -> None:
    image = load("photograph.jpg")
    assert (image.size, image.mode) == ((224, 224), "RGB")
