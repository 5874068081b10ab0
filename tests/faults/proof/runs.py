"""The runs of the proof: every failpoint, steps that fail, faults at random; all on one ledger, verified at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from singlewindow import failpoints
from singlewindow.ledger.database import Database
from singlewindow.ledger.verifying import verify_ledger
from tests.faults.proof.invariants import EXAMPLES, Breach, Case, check, read_sent
from tests.faults.proof.ledgers import now
from tests.faults.proof.load import Load, steady_rate
from tests.faults.proof.nemesis import CUTS, SHARES, Target, inflict
from tests.faults.proof.network import Network
from tests.faults.proof.system import Proof, proof

FILING = {"F0": 12, "F1": 12, "F2": 8, "F3": 8, "F4": 8, "F5": 8, "F6": 12}
WORKING = {"W1": 8, "W2": 6, "W3": 6, "W4": 6, "W5": 6, "W6": 8, "N1": 12, "N2": 40, "N3": 40, "N4": 40}
"""After how many times each failpoint kills its process: of the gateway, of the workers."""

ASTRAY = (
    "F2:raise@40,F3:raise@50,F4:execute_and_timeout:0.05,F5:execute_and_timeout:0.05,F6:exit@150,"
    "W1:raise@60,W3:execute_and_timeout:0.05,W4:exit@150,W5:raise@70,N1:sleep:0.2@20,N3:execute_and_timeout:0.02"
)
STRIKE_SECONDS = 150.0
RECOVERY_SECONDS = 30.0
RECOVERED = 0.95
WINDOW_SECONDS = 4
CALM_SECONDS = 8.0
PAUSE_SECONDS = (0.5, 2.0)
TWO_AT_ONCE = 0.15
HOOKS_FAIL = 0.02


@dataclass
class Result:
    """What a run came to."""

    seed: int
    seconds: float = 0.0
    messages: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    recovery: dict[str, float] = field(default_factory=dict)
    """Fault → the longest time until the rate was back."""

    not_recovered: list[str] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    left: str = ""
    breaches: list[Breach] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Role → median megabytes in the second and in the last quarter of the run."""

    descriptors: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Nothing is left and nothing is broken."""
        return not (self.left or self.breaches or self.not_recovered)


async def strike_failpoints(trial: Proof, result: Result, names: Sequence[str]) -> None:
    """Under load a process of the gateway and one of the workers die at one failpoint after another, at every one."""
    chosen = {name: every for name, every in (FILING | WORKING).items() if name in names}
    orders = trial.folder / "failpoints"
    _order(orders, chosen, set())
    async with (
        trial.chain({"SINGLEWINDOW_FAILPOINT": f"@{orders}"}) as target,
        _noted(target, "failpoints"),
        trial.loaded(target),
    ):
        started, hit = now(), set[str]()
        while chosen.keys() - hit and now() - started < STRIKE_SECONDS:
            await asyncio.sleep(0.2)
            hit = hits(trial.data / "log").keys() & chosen.keys()
            _order(orders, chosen, hit)
    result.hits += hits(trial.data / "log")
    missed = chosen.keys() - result.hits.keys()
    if missed:
        result.breaches.append(Breach("every failpoint is hit", len(missed), tuple(sorted(missed))))


@asynccontextmanager
async def _noted(target: Target, trouble: str) -> AsyncIterator[None]:
    """Written down as a fault of this length."""
    await target.note(trouble, "begin")
    try:
        yield
    finally:
        await target.note(trouble, "end")


def _order(orders: Path, chosen: Mapping[str, int], hit: AbstractSet[str]) -> None:
    """What the next process that starts is to die of: the first point of each kind that was not hit yet."""
    left = [name for name in chosen if name not in hit]
    next_ones = [*[name for name in left if name in FILING][:1], *[name for name in left if name in WORKING][:1]]
    draft = orders.with_suffix(".draft")
    draft.write_text(",".join(f"{name}:kill@{chosen[name]}" for name in next_ones), "utf-8")
    draft.replace(orders)


async def lead_astray(trial: Proof, result: Result, *, seconds: float) -> None:
    """Steps that fail, exit, stall or time out after they were done, under load."""
    async with (
        trial.chain({"SINGLEWINDOW_FAILPOINT": ASTRAY}) as target,
        _noted(target, "astray"),
        trial.loaded(target),
    ):
        await asyncio.sleep(seconds)
    result.hits += hits(trial.data / "log")


async def torment(trial: Proof, result: Result, *, seconds: float, faults: Sequence[str] | None = None) -> None:
    """Faults one after another, each waited for until the rate is back; then verify everything."""
    async with trial.chain() as target:
        async with trial.loaded(target) as load:
            await asyncio.sleep(CALM_SECONDS)
            trial.hooks.fails = HOOKS_FAIL if faults is None else 0.0
            started = now()
            for name in _drawn(trial, started + seconds) if faults is None else faults:
                await _one_fault(trial, target, load, result, name)
        result.faults += Counter(target.done)
        await _finish(trial, target, result)


def _drawn(trial: Proof, until: float) -> Iterator[str]:
    shares = SHARES | (CUTS if trial.network else {})
    names, weights = list(shares), list(shares.values())
    yield "freeze-worker-long"
    while now() < until:
        yield trial.dice.choices(names, weights)[0]


async def _one_fault(trial: Proof, target: Target, load: Load, result: Result, name: str) -> None:
    if trial.dice.random() < TWO_AT_ONCE:
        other = trial.dice.choice(["kill-gateway", "kill-worker", "wipe-valkey"])
        await asyncio.gather(inflict(target, name), inflict(target, other))
        name = f"{name} with {other}"
    else:
        await inflict(target, name)
    took = await steady_rate(load, seconds=WINDOW_SECONDS, patience_seconds=RECOVERY_SECONDS, part=RECOVERED)
    if took is None:
        result.not_recovered.append(name)
    else:
        result.recovery[name] = max(result.recovery.get(name, 0.0), took)
    await asyncio.sleep(trial.dice.uniform(*PAUSE_SECONDS))


async def _finish(trial: Proof, target: Target, result: Result) -> None:
    """Come to rest, then ask every invariant."""
    result.left = await trial.come_to_rest(target)
    case = await trial.case(target)
    result.breaches += check(case) + await _verify_ledger(target, case)
    if trial.hooks.bad_signatures:
        result.breaches.append(Breach("I7 every delivery is signed", trial.hooks.bad_signatures, ()))
    result.messages += Counter(sent.outcome for sent in read_sent(case.evidence).values())
    result.states += Counter(row["state"] for row in case.books.declarations)
    _weigh(trial, result)


async def _verify_ledger(target: Target, case: Case) -> list[Breach]:
    """What an operator's `singlewindow ledger verify` says, given the heads published while it all happened."""
    database = Database(target.database_url, connections=2, timeout_seconds=60)
    await database.open()
    try:
        heads = [{"trader": head["trader"], "size": head["size"], "root": head["root"]} for head in case.evidence.heads]
        found = [one async for one in verify_ledger(database, case.public_key, published=heads)]
    finally:
        await database.close()
    examples = tuple(f"{one.table} {one.row}: {one.what}" for one in found[:EXAMPLES])
    return [Breach("I8 the ledger is what was signed", len(found), examples)] if found else []


def _weigh(trial: Proof, result: Result) -> None:
    for role in sorted({weight.role for _, weight in trial.weights}):
        found = [(at, one) for at, one in trial.weights if one.role == role]
        early, late = found[len(found) // 4 : len(found) // 2], found[-(len(found) // 4 or 1) :]
        result.memory[role] = (
            _median([one.resident / 1e6 for _, one in early]), _median([one.resident / 1e6 for _, one in late])
        )  # fmt: skip
        result.descriptors[role] = (
            _median([float(one.descriptors) for _, one in early]), _median([float(one.descriptors) for _, one in late])
        )  # fmt: skip


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def hits(logs: Path) -> Counter[str]:
    """How often each failpoint acted, by the processes' own logs."""
    found: Counter[str] = Counter()
    for path in logs.glob("*"):
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        for name in failpoints.STEPS:
            found[name] += text.count(f'"point":"{name}"')
    return +found


@dataclass(frozen=True)
class Plan:
    """What a run does: `points` to die at, seconds of steps that fail, then `faults`, drawn for `seconds` when None."""

    seed: int
    rate: float
    seconds: float
    points: Sequence[str] = tuple(failpoints.STEPS)
    astray_seconds: float = 60.0
    faults: Sequence[str] | None = None


def plan_only(plan: Plan, only: Sequence[str]) -> Plan:
    """The plan with these failpoints and faults, once each, and nothing else."""
    points = tuple(name for name in only if name in failpoints.STEPS)
    faults = tuple(name for name in only if name not in failpoints.STEPS)
    return replace(plan, points=points, astray_seconds=0.0, faults=faults)


async def prove(folder: Path, plan: Plan, network: Network | None = None) -> Result:
    """The whole proof, its ledgers and the chain's data in `folder`; inside a `network` its wires are cut as well."""
    result = Result(plan.seed)
    started = now()
    async with proof(folder, seed=plan.seed, rate=plan.rate, network=network) as trial:
        if plan.points:
            await strike_failpoints(trial, result, plan.points)
        if plan.astray_seconds:
            await lead_astray(trial, result, seconds=plan.astray_seconds)
        await torment(trial, result, seconds=plan.seconds, faults=plan.faults)
    result.seconds = now() - started
    return result
