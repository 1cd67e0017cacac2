"""Files that are no traces, gzip in all its shapes, and bombs: one line, in bounded time."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from infprof.profiler.importers import open_trace
from infprof.profiler.kineto import trace_file
from infprof.profiler.recording import BadInput

EVENT = {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 1, "ts": 1, "dur": 2}
TRACE = json.dumps({"schemaVersion": 1, "traceEvents": [EVENT] * 500}).encode()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        open_trace(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize("suffix", [".json", ".gz", ""])
def test_gzip_is_known_by_its_magic_number_not_its_name(tmp_path: Path, suffix: str) -> None:
    plain, packed = tmp_path / f"plain{suffix}", tmp_path / f"packed{suffix}"
    assert len(open_trace(write(plain, TRACE)).events) == 500
    assert len(open_trace(write(packed, gzip.compress(TRACE))).events) == 500


def test_several_gzip_members_and_padding(tmp_path: Path) -> None:
    data = gzip.compress(TRACE[:3000]) + gzip.compress(TRACE[3000:]) + b"\0" * 512
    recording = open_trace(write(tmp_path / "t.gz", data))
    assert len(recording.events) == 500 and recording.header.cuts == []


def test_a_cut_off_gzip_file_gives_its_whole_events_and_says_so(tmp_path: Path) -> None:
    events = [EVENT | {"ts": number, "name": f"op{number * 7919}"} for number in range(5000)]
    packed = gzip.compress(json.dumps({"traceEvents": events}).encode())
    recording = open_trace(write(tmp_path / "t.gz", packed[: len(packed) // 2]))
    assert 1000 < len(recording.events) < 4000
    assert len(recording.header.cuts) == 2 and "gzip" in recording.header.cuts[1]


def test_a_wrong_checksum_is_said(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TRACE * 20))
    packed[-6] ^= 1
    contents = trace_file.contents(write(tmp_path / "t.gz", bytes(packed)))
    assert contents.cut is not None


@pytest.mark.parametrize("data", [b"", gzip.compress(b""), b"\x1f\x8b", b"\x1f\x8bgarbage"])
def test_empty(tmp_path: Path, data: bytes) -> None:
    assert "empty" in refusal(write(tmp_path / "t.json", data))


def test_missing_folder_and_unreadable(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "no.json")
    assert "folder" in refusal(tmp_path)
    assert "cannot be read" in refusal(write(tmp_path / "file", TRACE) / "below.json")


@pytest.mark.parametrize(
    "data",
    [
        b"hello", b"SQLite format 3\0", b'{"a": 1}', b"[1, 2]", b"null", b"\xff" * 99,
        b'{"traceEvents": []}', b'{"traceEvents": 5}', b'{"traceEvents": {}}', b'["ph"]',
        b'{"displayTimeUnit": "ms", "baseTimeNanoseconds": 1}',
    ],
)  # fmt: skip
def test_what_is_no_trace_is_refused(tmp_path: Path, data: bytes) -> None:
    refusal(write(tmp_path / "t.json", data))


def test_a_gzip_bomb_stops_early(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    blank = b" " * (1 << 20)
    packed = packer.compress(TRACE[:-2]) + b"".join(packer.compress(blank) for _ in range(100))
    path = write(tmp_path / "bomb.gz", packed + packer.flush())
    assert "250 times" in refusal(path)


def test_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_file, "LARGEST", len(TRACE) - 1)
    assert "record fewer steps" in refusal(write(tmp_path / "plain", TRACE))
    assert "record fewer steps" in refusal(write(tmp_path / "packed", gzip.compress(TRACE)))
