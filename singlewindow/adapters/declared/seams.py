"""What a declared agency's adapter leaves to the part that reads `[security]`."""

from __future__ import annotations

from typing import Protocol

from singlewindow.adapters.port import Envelope


class WireSecurity(Protocol):
    """Applied last before the wire and first after it; nothing it adds is in the record of a request."""

    def sign(self, envelope: Envelope) -> Envelope:
        """The envelope with what proves us; made afresh for every attempt, for it may carry the time."""
        ...

    def verify(self, reply: bytes) -> bytes:
        """The part of a reply that is proven to be the agency's. Raises AgencyError for one that is not."""
        ...


class NoSecurity:
    """Nothing is signed and nothing verified."""

    def sign(self, envelope: Envelope) -> Envelope:
        """As it is."""
        return envelope

    def verify(self, reply: bytes) -> bytes:
        """As it is."""
        return reply
