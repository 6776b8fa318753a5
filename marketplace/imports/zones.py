"""The zone of each market's business day, as the seed `markets` of the warehouse has it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

from marketplace.errors import InputRejected

ZONE_OF_COUNTRY: Mapping[str, str] = MappingProxyType(
    {
        "KE": "Africa/Nairobi", "ET": "Africa/Addis_Ababa", "GH": "Africa/Accra", "NG": "Africa/Lagos",
        "TZ": "Africa/Dar_es_Salaam", "UG": "Africa/Kampala", "RW": "Africa/Kigali", "ZA": "Africa/Johannesburg",
        "ZM": "Africa/Lusaka", "BW": "Africa/Gaborone", "MZ": "Africa/Maputo", "SN": "Africa/Dakar",
        "CM": "Africa/Douala", "CI": "Africa/Abidjan", "CD": "Africa/Kinshasa", "SO": "Africa/Mogadishu",
        "SS": "Africa/Juba", "BI": "Africa/Bujumbura", "MW": "Africa/Blantyre", "EG": "Africa/Cairo",
        "MA": "Africa/Casablanca",
    }
)  # fmt: skip


def zone_of(country: str) -> ZoneInfo:
    """The zone in which a seller of the country writes the time.

    Raises
    ------
    InputRejected
        If the country is no market of ours.
    """
    if country not in ZONE_OF_COUNTRY:
        raise InputRejected(f"country {country!r} is no market; known are {', '.join(sorted(ZONE_OF_COUNTRY))}")
    return ZoneInfo(ZONE_OF_COUNTRY[country])
