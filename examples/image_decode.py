"""A classifier decodes 12-megapixel photos only to shrink them to 224 x 224.

Wrong: libjpeg reconstructs 12 million pixels in each request, and the model sees 50 thousand.

EXPECT: cpu-image-decode.

Cure: keep a small rendition of each photo, made once when it is uploaded, and decode that one.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from resnet50 import resnet50
from shared import arguments, photo
from torch import nn

import infprof

EXPECT = "cpu-image-decode"

SIZE = 224


def jpeg(image: Image.Image) -> bytes:
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def rendition(image: Image.Image) -> Image.Image:
    """What the service keeps of an upload: twice the size that the model sees."""
    return image.resize((2 * SIZE, 2 * SIZE), Image.Resampling.BICUBIC)


@infprof.profile
@torch.inference_mode()
def classify(model: nn.Module, data: bytes) -> int:
    """The class of one photo."""
    with infprof.annotate("decode jpeg", stage="preprocess"):
        image = Image.open(io.BytesIO(data)).convert("RGB")
    with infprof.annotate("resize", stage="preprocess"):
        image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    with infprof.annotate("resnet50", stage="compute"):
        return int(model(pixels).argmax())


def main() -> None:
    """Serve requests for one photo each."""
    chosen = arguments(__doc__)
    photos = [photo(4000, 3000, seed) for seed in range(2)]
    files = [jpeg(rendition(one) if chosen.cured else one) for one in photos]
    model = resnet50(folded=True)
    for index in range(chosen.requests):
        classify(model, files[index % len(files)])


if __name__ == "__main__":
    main()
