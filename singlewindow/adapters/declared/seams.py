"""What a declared agency's adapter leaves to the part that reads `[security]`."""

from __future__ import annotations

import ssl
from typing import Protocol

from singlewindow.adapters.outcomes import WireReply
from singlewindow.adapters.port import Envelope
from singlewindow.adapters.wire import Credentials


class WireSecurity(Protocol):
    """Applied last before the wire and first after it; nothing it adds is in the record of a request."""

    @property
    def credentials(self) -> Credentials | None:
        """HTTP Basic, where the agency wants it."""
        ...

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How https is spoken; None: as the system does."""
        ...

    @property
    def proves(self) -> bool:
        """Whether a reply counts only where it is proven to be the agency's."""
        ...

    def sign(self, envelope: Envelope, call_id: str) -> Envelope:
        """The envelope with what proves us; made afresh for every attempt, for it may carry the time. What names the
        call is the same over all attempts of one. Raises SingleWindowError for what cannot be signed.
        """
        ...

    def verify(self, reply: bytes, call_id: str | None) -> bytes:
        """The part of a reply, or (without a call) of something pushed, that is proven to be the agency's.

        Raises Unproven for one that is not.
        """
        ...

    def clean(self, reply: WireReply) -> WireReply:
        """A reply without any secret of ours that it repeats."""
        ...


class NoSecurity:
    """Nothing is signed and nothing verified."""

    credentials: Credentials | None = None
    tls: ssl.SSLContext | None = None
    proves = False

    def sign(self, envelope: Envelope, call_id: str) -> Envelope:  # noqa: ARG002 - the protocol's
        """As it is."""
        return envelope

    def verify(self, reply: bytes, call_id: str | None) -> bytes:  # noqa: ARG002 - the protocol's
        """As it is."""
        return reply

    def clean(self, reply: WireReply) -> WireReply:
        """As it is."""
        return reply
