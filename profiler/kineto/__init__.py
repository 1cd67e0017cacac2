"""Reading Kineto's Chrome traces: bytes, JSON, numbers, lanes and rows, one idea per file."""
