"""Benchmarks, one file a question. `scripts/bench` runs them all, `scripts/bench NAME` one; `--quick` a short form."""
