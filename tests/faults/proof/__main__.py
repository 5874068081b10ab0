"""`scripts/faults`: the proof that nothing acknowledged is lost, as long and as wild as you like."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from cyclopts import App

from singlewindow import failpoints
from tests.faults.proof.nemesis import FAULTS
from tests.faults.proof.network import network, why_not
from tests.faults.proof.report import describe
from tests.faults.proof.runs import Plan, plan_only, prove

app = App(name="scripts/faults", help=__doc__)


@app.default
def faults(
    *,
    minutes: float = 5.0,
    seed: int | None = None,
    only: list[str] | None = None,
    rate: float = 20.0,
    folder: Path | None = None,
    report: Path | None = None,
) -> None:
    """Run the whole chain under load, break it again and again, and verify every invariant at the end.

    Everything runs on this machine and speaks to loopback only. Exit code 1 when an invariant does not hold.

    Parameters
    ----------
    minutes
        How long faults are drawn at random; failpoints and coming to rest take some minutes more.
    seed
        Of the dice that choose faults and documents; drawn and printed when absent.
    only
        Names of failpoints (F0 … N4) or faults, once each and nothing else; repeat the option for several.
    rate
        Messages filed a second.
    folder
        Where ledgers, data and logs are kept; default: a new temporary folder.
    report
        Where the result is written as JSON.
    """
    unknown = [name for name in only or [] if name not in failpoints.STEPS and name not in FAULTS]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; known: {', '.join([*failpoints.STEPS, *FAULTS])}")
    chosen = seed if seed is not None else random.SystemRandom().randrange(10**6)
    place = folder or Path(tempfile.mkdtemp(prefix="faults-"))
    print(f"seed {chosen}, ledgers and logs in {place}", flush=True)
    plan = Plan(chosen, rate, minutes * 60)
    plan = plan_only(plan, only) if only else plan
    with nullcontext() if why_not() else network() as wires:
        if wires is None:
            print(f"the network is not cut: {why_not()}")
        result = asyncio.run(prove(place, plan, wires))
    print(describe(result))
    if report is not None:
        report.write_text(
            json.dumps({**asdict(result), "proven": result.proven}, indent=2, default=str) + "\n", "utf-8"
        )
    sys.exit(0 if result.proven else 1)


if __name__ == "__main__":
    app()
