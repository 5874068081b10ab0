"""The result of a proof in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.faults.proof.runs import Result


def describe(result: Result) -> str:
    """Counts, recoveries and breaches, one a line."""
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    yield f"seed {result.seed}, {result.seconds:.0f} s"
    yield "messages        " + _counted(result.messages)
    yield "declarations    " + _counted(result.states)
    yield "failpoints hit  " + _counted(result.hits)
    yield "faults          " + _counted(result.faults)
    slowest = sorted(result.recovery.items(), key=lambda item: -item[1])[:5]
    yield "slowest back    " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest)
    for role, (early, late) in result.memory.items():
        files = "{:.0f} → {:.0f}".format(*result.descriptors[role])
        yield f"{role:<16}{early:.0f} → {late:.0f} MB, {files} descriptors"
    for name in result.not_recovered:
        yield f"NOT BACK within 30 s after {name}"
    if result.left:
        yield f"NOT AT REST: {result.left}"
    for breach in result.breaches:
        yield f"BROKEN {breach}"
    yield "proven: nothing acknowledged was lost, nothing acted twice" if result.proven else "NOT proven"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
