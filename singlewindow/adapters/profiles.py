"""The built-in agencies: customs, inspection and the four carriers of logistics."""

from __future__ import annotations

from singlewindow.adapters.agency import ANY_ACTION, AgencyProfile, SoapAdapter
from singlewindow.settings import Settings
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS

CUSTOMS_OPERATIONS = {"amend": "Amend", "invalidate": "Invalidate", ANY_ACTION: "Declare"}
INSPECTION_OPERATIONS = {ANY_ACTION: "ApplyForInspection"}
LOGISTICS_OPERATIONS = {"book": "Book", "release": "Release", "cancel": "Cancel", ANY_ACTION: "Inform"}
CARRIERS = ("road", "rail", "sea", "air")
AGENCIES = ("customs", "inspection", *CARRIERS)


def builtin_profiles(settings: Settings) -> dict[str, AgencyProfile]:
    """The profiles by agency name, each at `{agencies_url}/{agency}`. Inspection is pulled, the others push."""
    base = settings.agencies_url.rstrip("/")

    def profile(agency: str, service: str, operations: dict[str, str], *, pulls: bool = False) -> AgencyProfile:
        wsdl, url = DESCRIPTIONS / f"{service}.wsdl", f"{base}/{agency}"
        return AgencyProfile(agency, wsdl, url, operations, environment=settings.environment, pulls=pulls)

    profiles = (
        profile("customs", "customs", CUSTOMS_OPERATIONS),
        profile("inspection", "inspection", INSPECTION_OPERATIONS, pulls=True),
        *(profile(carrier, "logistics", LOGISTICS_OPERATIONS) for carrier in CARRIERS),
    )
    return {profile.agency: profile for profile in profiles}


def builtin_adapters(settings: Settings) -> dict[str, SoapAdapter]:
    """An adapter for every built-in profile, by agency name. Opens no connection."""
    return {agency: SoapAdapter(profile) for agency, profile in builtin_profiles(settings).items()}
