"""Examples that are about what travels to a GPU and back, on paper: the same copies and waits."""

from __future__ import annotations

from math import prod

from tests.pretend_gpu import BF16, COPIES, FP32, PAGEABLE, REDUCES, PretendGpu, Sizes

BYTE = "unsigned char"


def _collect(gpu: PretendGpu, size: int) -> None:
    """Frames side by side."""
    with gpu.mark("preprocess"), gpu.op("stack", BYTE), gpu.op("cat", BYTE):
        gpu.work(2e9 * size / PAGEABLE)


def _upload(
    gpu: PretendGpu, dtype: str, shape: tuple[int, ...], size: int, *, pinned: bool
) -> None:
    with gpu.mark("h2d"), gpu.op("to", dtype, shape), gpu.op("copy_", dtype, shape, shape):
        gpu.copy("HtoD", size, pinned=pinned)


def _brightest(gpu: PretendGpu, frames: int, size: int) -> None:
    """A sum of each frame, and the largest of them."""
    with gpu.mark("compute"), gpu.op("sum", BYTE, (frames, size // frames)):
        gpu.launch(REDUCES, size)
    with gpu.mark("d2h"):
        gpu.reduce("argmax", FP32, (frames,))
        gpu.item(FP32)


def pinned_per_request(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Collecting, pinning or not, a copy and a sum."""
    shape = of.FRAMES, 3, of.HEIGHT, of.WIDTH
    size = prod(shape)
    _collect(gpu, size)
    if not cured:
        with gpu.mark("h2d"), gpu.op("pin_memory", BYTE, shape), gpu.op("_pin_memory", BYTE, shape):
            gpu.work(1e9 * size / PAGEABLE)
    _upload(gpu, BYTE, shape, size, pinned=True)
    _brightest(gpu, of.FRAMES, size)


def misread_copy(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Long kernels, then a copy that waits for them."""
    with gpu.mark("compute"):
        for _ in range(of.LAYERS):
            gpu.linear(of.ROWS, of.WIDTH, of.WIDTH, FP32)
    users = (of.PROFILES, of.PROFILE)
    with gpu.mark("h2d"), gpu.op("to", FP32, users), gpu.op("copy_", FP32, users, users):
        gpu.copy("HtoD", 4 * of.PROFILES * of.PROFILE)
    with gpu.mark("compute"):
        gpu.linear(of.PROFILES, of.PROFILE, of.WIDTH, FP32)
        gpu.each("mul", FP32, (of.ROWS, of.WIDTH), 2)
    gpu.answer(FP32, (of.ROWS, of.WIDTH))


def moved_model(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """The model up, a few layers, and the model down again."""
    layers = [(of.WIDTH, of.HIDDEN), (of.HIDDEN, of.WIDTH)] * of.PAIRS

    def moved(way: str) -> None:
        for into, out in layers:
            for shape in ((out, into), (out,)):
                with gpu.op("to", FP32, shape), gpu.op("_to_copy", FP32, shape):
                    with gpu.op("copy_", FP32, shape, shape):
                        gpu.copy(way, 4 * prod(shape))

    if not cured:
        moved("HtoD")
    with gpu.mark("compute"):
        for into, out in layers:
            gpu.linear(of.ROWS, into, out, FP32)
    gpu.answer(FP32, (of.ROWS, of.WIDTH))
    if not cured:
        moved("DtoH")


def pageable_upload(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Collecting, a copy and a sum."""
    size = of.FRAMES * 3 * of.HEIGHT * of.WIDTH
    _collect(gpu, size)
    _upload(gpu, BYTE, (of.FRAMES, 3, of.HEIGHT, of.WIDTH), size, pinned=cured)
    _brightest(gpu, of.FRAMES, size)


def many_small_copies(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """A copy for each feature, or one."""
    size = 4 * of.FEATURES * of.WIDTH
    with gpu.mark("h2d"):
        if cured:
            with gpu.op("stack", FP32), gpu.op("cat", FP32):
                gpu.work(1e9 * size / PAGEABLE)
            _upload(gpu, FP32, (of.FEATURES, of.WIDTH), size, pinned=True)
        for _ in range(0 if cured else of.FEATURES):
            with gpu.op("to", FP32, (of.WIDTH,)), gpu.op("copy_", FP32, (of.WIDTH,), (of.WIDTH,)):
                gpu.copy("HtoD", size // of.FEATURES, waits=False)
        if not cured:
            with gpu.op("stack", FP32), gpu.op("cat", FP32):
                gpu.launch("void at::native::CatArrayBatchedCopy<float>", 2 * size)
    with gpu.mark("compute"):
        gpu.each("mul", FP32, (of.FEATURES, of.WIDTH), 2)
        gpu.reduce("sum", FP32, (of.FEATURES, of.WIDTH))
        gpu.reduce("argmax", FP32, (of.WIDTH,))
    with gpu.mark("d2h"):
        gpu.item(FP32)


def wide_inputs(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """Collecting as bytes or as floats, a copy, and arithmetic on the GPU."""
    shape = of.PICTURES, of.HEIGHT, of.WIDTH, 3
    size = prod(shape)
    dtype, wide = (BYTE, 1) if cured else (FP32, 4)
    with gpu.mark("preprocess"), gpu.op("copy_", FP32, shape, shape, types=(dtype, BYTE)):
        gpu.work(1e9 * (1 + wide) * size / PAGEABLE)
    _upload(gpu, dtype, shape, wide * size, pinned=True)
    if cured:
        with gpu.op("to", BYTE, shape), gpu.op("copy_", FP32, shape, shape, types=(FP32, BYTE)):
            gpu.launch(COPIES, 5 * size)
    with gpu.mark("compute"):
        gpu.each("div_", FP32, shape)
        gpu.reduce("mean", FP32, shape)
    with gpu.mark("d2h"):
        gpu.reduce("argmax", FP32, (of.PICTURES,))
        gpu.item(FP32)


def unoverlapped(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """A copy and layers, by turns or at once."""
    shape = of.ROWS, of.WIDTH
    with gpu.mark("h2d"), gpu.op("to", BF16, shape), gpu.op("copy_", BF16, shape, shape):
        gpu.copy("HtoD", 2 * prod(shape), pinned=True, ahead=cured)
    with gpu.mark("compute"):
        for _ in range(6):
            gpu.linear(*shape, of.WIDTH, BF16)
        gpu.each("to", BF16, shape)
    gpu.answer(FP32, shape)


def unreduced_outputs(gpu: PretendGpu, of: Sizes, cured: bool) -> None:
    """A product, and all of it or one number of it to the host."""
    size = 2 * of.POSITIONS * of.WORDS
    with gpu.mark("compute"):
        gpu.linear(of.POSITIONS, of.WIDTH, of.WORDS, BF16)
        if cured:
            gpu.reduce("argmax", BF16, (of.WORDS,))
    with gpu.mark("d2h"), gpu.op("to", BF16, (of.POSITIONS, of.WORDS)):
        gpu.copy("DtoH", 8 if cured else size)
    if not cured:
        with gpu.mark("postprocess"), gpu.op("argmax", BF16, (of.WORDS,)):
            gpu.work(1e9 * size / of.POSITIONS / PAGEABLE)
