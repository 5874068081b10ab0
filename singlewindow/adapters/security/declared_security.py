"""The security of one declared agency: what is added to each request, and what is asked of each reply."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from singlewindow.adapters.outcomes import WireReply
from singlewindow.adapters.port import Envelope
from singlewindow.adapters.security.certificates import PinnedCertificates
from singlewindow.adapters.security.configuration import Addressing
from singlewindow.adapters.security.redaction import Redaction
from singlewindow.adapters.wire import Credentials
from singlewindow.xsd.wss_incoming import Freshness, prove, read_relates_to
from singlewindow.xsd.wss_outgoing import OutgoingEnvelope, Signer, new_nonce
from singlewindow.xsd.wss_references import Unproven


@dataclass(frozen=True, slots=True)
class DeclaredSecurity:
    """A WireSecurity (see declared/seams.py) of what `[security]` asks for; made by `load_security`.

    `token` is the user and password of the UsernameToken, `pinned` the certificates that replies must be signed by.
    """

    redaction: Redaction = field(repr=False)
    freshness: Freshness
    credentials: Credentials | None = None
    tls: ssl.SSLContext | None = None
    token: Credentials | None = None
    signer: Signer | None = None
    pinned: PinnedCertificates | None = None
    addressing: Addressing | None = None

    @property
    def proves(self) -> bool:
        """See WireSecurity."""
        return self.pinned is not None

    def sign(self, envelope: Envelope, call_id: str) -> Envelope:
        """See WireSecurity. The record stays that of the bare envelope."""
        if self.token is None and self.signer is None and self.addressing is None:
            return envelope
        outgoing, now = OutgoingEnvelope(envelope.body), datetime.now(UTC)
        if self.addressing is not None:
            action = self.addressing.action or _soap_action(envelope)
            outgoing.address(to=self.addressing.to or envelope.url, action=action, message_id=name_message(call_id))
        if self.token is not None:
            outgoing.name_user(self.token.user, self.token.password, nonce=new_nonce(), now=now)
        if self.signer is not None:
            outgoing.sign(self.signer, now=now, expires=now + timedelta(seconds=self.freshness.lifetime_seconds))
        return replace(envelope, body=outgoing.write())

    def verify(self, reply: bytes, call_id: str | None) -> bytes:
        """See WireSecurity. Without a `reply_certificate` only the RelatesTo is looked at."""
        if self.pinned is None:
            if self.addressing is not None and call_id is not None:
                self._check_relation(read_relates_to(reply), call_id, self.addressing)
            return reply
        proven = prove(reply, self.pinned, freshness=self.freshness, now=datetime.now(UTC))
        if self.addressing is not None and call_id is not None:
            self._check_relation(proven.relates_to, call_id, Addressing())
            self._check_relation(proven.related_by_signature, call_id, self.addressing)
        return proven.envelope

    def without_proof(self) -> DeclaredSecurity:
        """The same towards a stub, which has no key of the agency's: replies are taken as they are."""
        lenient = self.addressing.model_copy(update={"require_relates_to": False}) if self.addressing else None
        return replace(self, pinned=None, addressing=lenient)

    def clean(self, reply: WireReply) -> WireReply:
        """See WireSecurity."""
        return WireReply(reply.status, self.redaction.clean_headers(reply.headers), self.redaction.clean(reply.body))

    def _check_relation(self, related: tuple[str, ...], call_id: str, addressing: Addressing) -> None:
        expected = name_message(call_id)
        if any(one != expected for one in related):
            raise Unproven("its RelatesTo names another message than the one that was sent")
        if not related and addressing.require_relates_to:
            raise Unproven("it has no RelatesTo" if self.pinned is None else "it has no signed RelatesTo")


def name_message(call_id: str) -> str:
    """The MessageID of a call, the same over all its attempts."""
    return f"urn:uuid:{call_id}"


def _soap_action(envelope: Envelope) -> str:
    """What the WSDL calls the operation; SOAP 1.2 puts it into the content type."""
    action = envelope.headers.get("SOAPAction", "")
    if not action:
        action = envelope.headers.get("Content-Type", "").partition('action="')[2].partition('"')[0]
    return action.strip('" ')
