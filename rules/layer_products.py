"""The matrix products of a model's linear layers: how large, in which precision, and how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infprof.profiler import names
from infprof.profiler.intervals import Int64Array
from infprof.profiler.timeline import Rows
from infprof.rules.dense_kernels import dense_kernels
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Unknown
from infprof.rules.layer_ops import LayerOp, layer_ops, layer_rows
from infprof.rules.op_kernels import launchers

HALF = ("fp16", "bf16")
"""Precisions of 16 bits."""

ENOUGH_KNOWN = 0.5
"""With less than half of the products' time in known layers, a share of it means nothing."""


@dataclass(frozen=True, slots=True)
class LayerProducts:
    """The product kernels of a GPU. Columns of one length, one entry per kernel."""

    kernels: Rows
    layer: Rows
    """The operator that launched it, -1 where that is unknown or no linear layer."""
    precision: npt.NDArray[np.object_]
    time_ns: Int64Array
    size: Int64Array
    """Rows in, width in and width out of the layer, a row each; 0 where it is unknown."""

    @property
    def flops(self) -> npt.NDArray[np.float64]:
        """Operations of each kernel: where a layer launched several, each has a part by time."""
        _, which = np.unique(self.layer, return_inverse=True)
        whole = np.bincount(which, self.time_ns)[which]
        part = self.time_ns / np.maximum(whole, 1)
        return np.asarray(2.0 * self.size.prod(axis=1, dtype=np.float64) * part, np.float64)

    @property
    def known_share(self) -> float:
        """Of the products' time, how much was launched by an operator that is known to be a linear
        layer."""
        total = int(self.time_ns.sum())
        return int(self.time_ns[self.layer >= 0].sum()) / total if total else 1.0

    def require_known(self, evidence: Evidence, share_of_compute: float) -> None:
        """Raise ``Unknown`` where products that may well be linear layers take so much."""
        time_ns = evidence.exposed_part_ns(self.kernels[self.layer < 0], "compute")
        large = time_ns >= share_of_compute * evidence.exposed_ns("compute")
        if time_ns and large and self.known_share < ENOUGH_KNOWN:
            raise Unknown(
                "the layers behind most products are not known, as in CUDA graphs and compiled code"
            )


def layer_products(evidence: Evidence) -> LayerProducts:
    """Find them in the explained requests."""
    timeline = evidence.timeline
    kernels, precision = dense_kernels(evidence)
    is_product = timeline.label(kernels, names.kernel_family) == "gemm"
    kernels, precision = kernels[is_product], precision[is_product]
    rows = layer_rows(evidence)
    sizes = {
        row: size
        for row, layer in zip(rows.tolist(), layer_ops(evidence, rows), strict=True)
        if (size := _size(layer)) is not None
    }
    layer = launchers(evidence, np.array(sorted(sizes), np.intp), kernels)
    columns = [sizes.get(row, (0, 0, 0)) for row in layer.tolist()]
    return LayerProducts(
        kernels,
        layer,
        precision,
        timeline.durations(kernels),
        np.array(columns, np.int64).reshape(-1, 3),
    )


def _size(layer: LayerOp | None) -> tuple[int, int, int] | None:
    if layer is None or layer.is_convolution or layer.is_embedding:
        return None
    if layer.stored_weight is None or not layer.in_width:
        return None
    return layer.in_size // layer.in_width, layer.in_width, layer.out_width
