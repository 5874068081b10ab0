"""The questions, in the order in which a run of all asks them; each is a module of this name with `run(form)`."""

from __future__ import annotations

QUESTIONS = (
    "validation", "rules", "floor", "intake", "peers", "clearance", "latency", "overload", "agencies", "start", "scale",
    "memory", "growth", "forwarder", "isolation",
)  # fmt: skip
