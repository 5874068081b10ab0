"""Scenarios of what an agency says later: each notice heard at least once, whole, and under the agency's own id."""

from __future__ import annotations

import asyncio

from singlewindow.adapters.certification.scenario import NotApplicable, RequirementBroken, Scenario, Trial, require
from singlewindow.adapters.certification.subject import Story
from singlewindow.adapters.faults import Cut, DropReply
from singlewindow.adapters.port import Call, Notice
from singlewindow.errors import AgencyError

PATIENCE_SECONDS = 3.0
_POLL_SECONDS = 0.02
_MOST_PAGES = 1000


async def _hear_duplicates(trial: Trial) -> None:
    story = _need_story(trial)
    heard = await _hear(trial, await _tell(trial, story, "DUPLICATE"), story.notices)
    ids = len({notice.notice_id for notice in heard})
    documents = len({notice.document for notice in heard})
    require(
        ids == documents == len(heard) == story.notices,
        f"{story.notices} notices were told twice each, and heard as {documents} documents under {ids} ids",
    )


async def _hear_disorder(trial: Trial) -> None:
    story = _need_story(trial)
    heard = await _hear(trial, await _tell(trial, story, "DISORDER"), story.notices)
    require(all(notice.document for notice in heard), "a notice came without its document, by which it is put in order")


async def _hear_late(trial: Trial) -> None:
    story = _need_story(trial)
    call = await (_tell_unheard if trial.adapter.pulls else _tell_to_closed_door)(trial, story)
    await _hear(trial, call, story.notices)


async def _tell_unheard(trial: Trial, story: Story) -> Call:
    call = await _tell(trial, story)
    async with trial.proxy.unreachable():
        try:
            await trial.pull("")
        except AgencyError as error:
            require(error.temporary, "nobody listened, and the adapter gives up pulling for good")
        else:
            raise RequirementBroken("nobody listened, and the adapter found notices")
    return call


async def _tell_to_closed_door(trial: Trial, story: Story) -> Call:
    pushed = trial.subject.pushed
    if pushed is None:
        raise NotApplicable("the notices are not pushed to this machine")
    pushed.away = True
    pushed.refused.clear()
    try:
        call = await _tell(trial, story)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await pushed.refused.wait()
    finally:
        pushed.away = False
    return call


async def _pull_again(trial: Trial) -> None:
    story = _need_pulled(trial)
    await _hear(trial, await _tell(trial, story), story.notices)
    whole = await _pull_all(trial, limit=100)
    require(len(whole) >= story.notices, "the notices that were heard before do not come from the same cursor again")
    require(await _pull_all(trial, limit=100) == whole, "the same cursor brought other notices the second time")
    small = max(1, len(whole) // 5)
    require(await _pull_all(trial, limit=small) == whole, f"by {small} at a time other notices came than by 100")


async def _pull_in_doubt(trial: Trial) -> None:
    if not trial.adapter.pulls:
        raise NotApplicable("this agency pushes its notices")
    sound = await trial.pull("", limit=1)
    for fault in (DropReply(), Cut(-20)):
        trial.proxy.fault = fault
        try:
            await trial.pull("", limit=1)
        except AgencyError as error:
            require(error.temporary, "a lost page is taken for a refusal")
        else:
            raise RequirementBroken("the page was lost on the way, and the adapter has one")
        finally:
            trial.proxy.fault = None
    require(await trial.pull("", limit=1) == sound, "after a lost page the same cursor brings other notices")


def _need_story(trial: Trial) -> Story:
    story = trial.subject.specimen.story
    if story is None or not (trial.adapter.pulls or trial.subject.pushed is not None):
        raise NotApplicable("no notices can be ordered from this service")
    return story


def _need_pulled(trial: Trial) -> Story:
    if not trial.adapter.pulls:
        raise NotApplicable("this agency pushes its notices")
    return _need_story(trial)


async def _tell(trial: Trial, story: Story, *words: str) -> Call:
    call = trial.subject.specimen.make_call(trial.adapter.agency, words=(*story.words, *words))
    outcome = await trial.submit(call)
    require(outcome.all_are("acknowledged"), f"the document that notices are about was not taken: {outcome}")
    return call


async def _hear(trial: Trial, call: Call, count: int) -> set[Notice]:
    """Every different notice about a call, once so many ids were heard: each counts that comes at least once."""
    heard: set[Notice] = set()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                heard.update(await _heard_about(trial, call))
                if len({notice.notice_id for notice in heard}) >= count:
                    return heard
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise RequirementBroken(f"of {count} notices {len(heard)} were heard") from error


async def _heard_about(trial: Trial, call: Call) -> list[Notice]:
    tasks = {task.task_id for item in call.items for task in item.tasks}
    if trial.subject.pushed is not None and not trial.adapter.pulls:
        return trial.subject.pushed.about(tasks)
    return [notice for notice in await _pull_all(trial, limit=100) if notice.task_id in tasks]


async def _pull_all(trial: Trial, *, limit: int) -> list[Notice]:
    """Every notice of the feed from its start."""
    found: list[Notice] = []
    cursor = ""
    for _ in range(_MOST_PAGES):
        notices, following = await trial.pull(cursor, limit=limit)
        require(len(notices) <= limit, f"{limit} notices were asked for and {len(notices)} came")
        if not notices:
            return found
        require(following != cursor, "notices came, and the cursor stayed")
        found, cursor = found + list(notices), following
    raise RequirementBroken(f"the feed has no end after {_MOST_PAGES} pages")


NOTICES = (
    Scenario(
        "notices-twice", "Every notice comes twice", "both taken, and counted as one by the agency's own id",
        _hear_duplicates,
    ),
    Scenario(
        "notices-disordered", "Notices come in the wrong order", "all taken: their own times tell the right order",
        _hear_disorder,
    ),
    Scenario(
        "notices-late", "Notices come while nobody can hear", "every one of them heard afterwards",
        _hear_late,
    ),
    Scenario(
        "notices-again", "The same page is pulled again", "the same answer from the same cursor, by pages of any size",
        _pull_again,
    ),
    Scenario(
        "notices-lost", "A page of notices is lost on the way", "the same cursor again, and no notice skipped",
        _pull_in_doubt,
    ),
)  # fmt: skip
