"""``python -m infprof``."""

from infprof.cli import main

main()
