"""Benchmarks, one file a question (see questions.py): `scripts/bench [NAME …]`.

Ratios are what counts, measured side by side in interleaved rounds; `processes.py` reads what each process cost,
`driver.py` makes the load as a process of its own, `stage.py` starts what is measured, `results.py`, `plots.py` and
`report.py` tell of it, `goals.py` and `guard.toml` say what is wanted and what must not become worse.
"""
