"""Images, video or audio are decoded on the CPU while the request waits.

What it looks for:
Exposed time in ranges, Python frames and ops that decode media: PIL's ``load``, ``cv2.imdecode``,
``imread``, PyAV, ``torchvision.io``, ranges of the stages ``io`` or ``preprocess`` whose name says
decode. Decoding that something else hides costs nothing and is not counted.

Why it costs time:
One core decodes about 100 to 300 JPEG images of a megapixel per second, while one GPU classifies
thousands. A 12-megapixel photo that the model sees at 224 x 224 is decoded in full only to be
thrown away: libjpeg can decode it at a half, a quarter or an eighth of its size for a fraction of
the work. Decoded on a GPU, at least the way of its pixels through the GPU's memory is left.

How to fix it:
Decode only the pixels you need: PIL ``draft()`` before a large downscale, smaller uploads. On a
GPU host decode there: TorchCodec for images and video, nvImageCodec or DALI for whole pipelines.
Without a GPU spread decoding over processes, so that it overlaps the model.

When to ignore it:
Inputs arrive one at a time and the decoder already reads at the needed size: then decoding is the
floor. GPU decoders differ from libjpeg by 1 to 3 levels a pixel: check your accuracy.

Catalogue: IP-PRE-001
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from infprof.profiler.events import Kind
from infprof.profiler.intervals import joined, union
from infprof.profiler.names import entry_of
from infprof.profiler.replay import Change
from infprof.profiler.timeline import Rows
from infprof.rules.call_masks import Mask
from infprof.rules.evidence import Evidence, Need
from infprof.rules.exact_spans import waited_for, without
from infprof.rules.finding import Finding, Fix, Saving
from infprof.rules.host_code import ENOUGH_SAMPLES, places
from infprof.rules.host_time import LOCAL_HOST_LEAVES, named_rows, require_named_host
from infprof.rules.loop_report import exposed_ns
from infprof.rules.moved_to_gpu import moved_to_gpu
from infprof.rules.spans_of_samples import samples_within

NEEDS: tuple[Need, ...] = ()

MEDIA = re.compile(
    r"(?i)jpe?g|imread|imdecode|(image|video|audio|frame|media)s?[ _-]?decod"
    r"|decod\w*[ _-]?(image|video|audio|frame|media|png|webp|gif)|(read|load)_(image|video|audio)"
    r"|ImageFile\.py.*: (\w+\.)?load|PIL\.ImageFile\.load|PngImagePlugin|WebPImagePlugin|(^|/)av/"
    r"|pyav|decord|torchcodec|torchvision/io|soundfile\.py.*: read|librosa/core/audio"
)
"""Names that say media decoding wherever they stand."""

NOT_MEDIA = re.compile(
    r"(?i)json|base64|b64|token|utf|text|string|url|proto|msgpack|cuda|gpu|nvjpeg|dali|encode"
)
"""Decoding of text or messages, decoding that is on the GPU already, and encoding."""

LAZY = "PIL.Image."
"""Entry points of Pillow that decode first if nothing has yet: only samples can tell."""

DECODER = re.compile(r"PIL/ImageFile\.py: (\w+\.)?load$")
"""The library function that a sample of Pillow at work on a file is in."""

MOSTLY = 0.5
"""Share of a name's samples that must be in the decoder for its time to be decoding."""

VIDEO = re.compile(r"(?i)video|(^|/)av/|pyav|decord")

DECODING_OP = re.compile(r"^(image::decode|torchcodec\w*::)")
"""Ops of torchvision and TorchCodec that decode."""

OP_LEAVES = ("compute.cpu", "python.dispatch")
"""What such an op's time is exposed as, without and beside a GPU."""

FIX_GPU = Fix(
    text="Decode on the GPU, a whole batch at a time, and send the compressed bytes.",
    code="""\
import torch
from torchcodec.decoders import decode_jpeg  # from TorchCodec 0.16

def load(batch: list[bytes]) -> list[torch.Tensor]:
    return decode_jpeg(batch, device="cuda")  # the whole batch in one call of nvJPEG
""",
    risk="Pixels differ by 1 to 3 levels from libjpeg's; decoders take some GPU memory and time.",
    references=(
        "https://github.com/meta-pytorch/torchcodec/releases/tag/v0.16.0",
        "https://docs.pytorch.org/vision/0.29/io.html",
        "https://docs.nvidia.com/deeplearning/dali/user-guide/docs/",
    ),
)

FIX_VIDEO = Fix(
    text="Decode only the frames you need, on the GPU where there is one.",
    code="""\
import torch
from torchcodec.decoders import VideoDecoder

device = "cuda" if torch.cuda.is_available() else "cpu"

def load(path: str, frames: list[int]) -> torch.Tensor:
    return VideoDecoder(path, device=device).get_frames_at(indices=frames).data
""",
    risk="Seeking costs: frames close together are best read in one go. NVDEC knows fewer formats.",
    references=("https://meta-pytorch.org/torchcodec/stable/",),
)

FIX_CPU = Fix(
    text="Decode at the size you need, and in processes of its own so that it overlaps the model.",
    code="""\
from PIL import Image

def load(path: str) -> Image.Image:
    image = Image.open(path)
    image.draft("RGB", (448, 448))  # JPEG only: decodes at 1/2, 1/4 or 1/8 of the size
    return image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
""",
    risk="draft() keeps at least the size asked for; ask for twice the final one to stay sharp.",
    references=(
        "https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.draft",
    ),
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Find media decoding that requests wait for."""
    rows = evidence.timeline.outermost(
        np.union1d(named_rows(evidence, decodes), _lazily_decoding(evidence))
    )
    ops = evidence.timeline.outermost(evidence.rows(Kind.OP, _decoding_op, "yes"))
    waited = evidence.exposed_part_ns(rows, *LOCAL_HOST_LEAVES)
    waited += evidence.exposed_part_ns(ops, *OP_LEAVES)
    where = evidence.top(np.concatenate([rows, ops]))
    change = _elsewhere(evidence, rows, ops) if waited else None
    if not waited:
        mask = _sampled(evidence)
        waited, where = exposed_ns(evidence, mask), places(evidence, mask)
    if not waited or not where:
        require_named_host(evidence, "decoding")
        return
    on_gpu = evidence.device_use == "used" or bool(evidence.header.machine.gpus)
    yield Finding(
        title="Decode media on the GPU"
        if on_gpu
        else "Decode media smaller, or in other processes",
        why=(
            f"Decoding on the CPU is exposed for {waited / 1e6:.2f} ms of each request"
            f" ({100 * evidence.share(waited):.0f} % of its wall), most of it in {where[0].name!r}."
        ),
        stage="preprocess",
        saving=Saving(0, waited, "C"),
        fix=FIX_VIDEO if VIDEO.search(where[0].name) else FIX_GPU if on_gpu else FIX_CPU,
        where=where,
        change=change,
    )


def _elsewhere(evidence: Evidence, rows: Rows, ops: Rows) -> Change | None:
    """Decoding on the GPU, as far as it can be told what that takes, else for nothing."""
    spans = union(
        joined(
            [
                waited_for(evidence, rows, *LOCAL_HOST_LEAVES),
                waited_for(evidence, ops, *OP_LEAVES),
            ]
        )
    )
    return moved_to_gpu(evidence, spans) or without(evidence, spans)


def _sampled(evidence: Evidence) -> Mask:
    """The samples in a decoder, where no entry point was wrapped (a process seen from outside)."""
    samples = evidence.timeline.samples
    decoding = {one: decodes(one, "preprocess") for one in set(samples.library.tolist())}
    found = np.array([decoding[one] for one in samples.library.tolist()], bool)
    if int(samples.of_requests.sum()) < ENOUGH_SAMPLES:
        found[:] = False
    return found & samples.of_requests


def decodes(name: str, stage: str | None) -> bool:
    """Whether a range or frame of this name and stage decodes media on the CPU. Of a wrapped entry
    point, only the entry can say so: a user's ``load_image`` also reads a file."""
    name = entry_of(name) or name
    if stage not in ("io", "preprocess", None) or NOT_MEDIA.search(name):
        return False
    return bool(MEDIA.search(name)) or (stage is not None and "decod" in name.lower())


def _lazily_decoding(evidence: Evidence) -> Rows:
    """Ranges around Pillow's other entry points in which samples mostly found its decoder."""
    rows = named_rows(evidence, lambda name, _: entry_of(name).startswith(LAZY))
    libraries, name = evidence.timeline.samples.library, evidence.timeline.events.name[rows]
    kept = [rows[:0]]
    for one in np.unique(name):
        mine = rows[name == one]
        seen = libraries[samples_within(evidence, mine)]
        if sum(bool(DECODER.search(text)) for text in seen) > MOSTLY * len(seen):
            kept.append(mine)
    return np.concatenate(kept)


def _decoding_op(name: str) -> str | None:
    return "yes" if DECODING_OP.search(name) and not NOT_MEDIA.search(name) else None
