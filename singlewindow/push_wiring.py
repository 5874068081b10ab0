"""How agencies' descriptions reach the gateway's doors for pushes. What reads a WSDL is loaded where one pushes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from singlewindow.adapters.push_doors import PushDoors, open_push_doors, read_adapter
from singlewindow.adapters.reloading import AgencyReloader, take_prints
from singlewindow.gateway.parts import PushAnswer, PushedWords, PushReader
from singlewindow.keys import keys_folder
from singlewindow.queue.port import ReadResponse
from singlewindow.queue.words import read_words
from singlewindow.settings import Settings
from singlewindow.xsd.soap_envelope import SoapVersion

if TYPE_CHECKING:
    from singlewindow.adapters.declared.adapter import DeclaredAdapter


async def follow_push_doors(stack: AsyncExitStack, settings: Settings) -> PushDoors:
    """The agencies' doors, kept up with their descriptions; the lanes tell why one is refused."""
    prints = take_prints(settings.agencies)
    doors, names = open_push_doors(settings, keys_folder(settings))
    reloader = AgencyReloader(names, prints, make=partial(read_adapter, settings), take=doors.take)
    reloader.start()
    stack.push_async_callback(reloader.stop)
    return doors


@dataclass(frozen=True, slots=True)
class DescribedPushes:
    """The gateway's view of an adapter that reads pushes: notices become words for the ledger."""

    adapter: DeclaredAdapter
    read_response: ReadResponse

    @property
    def version(self) -> SoapVersion:
        """See gateway.parts.PushReader."""
        return self.adapter.push_version

    def read(self, body: bytes, content_type: str) -> PushedWords:
        """See gateway.parts.PushReader."""
        notices = self.adapter.read_pushed(body, content_type)
        nameless = tuple(notice.notice_id for notice in notices if notice.task_id is None)
        return PushedWords(read_words(self.adapter.agency, notices, self.read_response, via="push"), nameless)

    def answer(self, accepted: int) -> PushAnswer:
        """See gateway.parts.PushReader."""
        return self.adapter.answer_push(accepted)


def push_readers(doors: PushDoors, read: ReadResponse) -> Callable[[str], PushReader | None]:
    """By the name of an agency, who reads its pushes; None: they are those of notification.wsdl."""

    def reader(agency: str) -> PushReader | None:
        adapter = doors.reader(agency)
        return None if adapter is None else DescribedPushes(adapter, read)

    return reader
