"""One call on its way to an endpoint, and what every endpoint needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from crm_audit.emulator.hubspot import catalogue
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.refusals import invalid, unknown_type
from crm_audit.emulator.hubspot.views import Json, Wanted
from crm_audit.emulator.server import Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request with what its path says: `names` as written, `types` as understood."""

    request: Request
    base: str
    names: Mapping[str, str]
    types: Mapping[str, ObjectType]
    version: str = "v3"

    @property
    def kind(self) -> ObjectType:
        """The type of the records this call is about."""
        return self.types["type"]

    @property
    def archived(self) -> bool:
        """Whether the caller asks for archived things instead of live ones."""
        return (self.request.first("archived") or "").lower() == "true"  # the Python client writes `True`

    def number(self, name: str, default: int) -> int:
        """A query parameter that must be a whole number, zero or above; raises Refusal (400)."""
        text = self.request.first(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise invalid(f"{name} must be a number, not {text!r}")
        return int(text)

    def limit(self, default: int, most: int) -> int:
        """The page size asked for; raises Refusal (400) above what HubSpot allows."""
        limit = self.number("limit", default)
        if not 0 < limit <= most:
            raise invalid(f"limit {limit} is not between 1 and {most}")
        return limit

    def wanted(self) -> Wanted:
        """What the query parameters ask to see of a record."""
        return Wanted(
            self.request.every("properties"),
            self.request.every("propertiesWithHistory"),
            [type_named(name) for name in self.request.every("associations")],
        )

    def paging(self, after: str) -> Json:
        """The way to the next page, with a link to the emulator itself."""
        rest = [(key, value) for key, value in self.request.query if key != "after"]
        link = f"{self.base}{self.request.path}?{urlencode([*rest, ('after', after)])}"
        return {"next": {"after": after, "link": link}}


def type_named(name: str) -> ObjectType:
    """The object type; raises Refusal (400)."""
    try:
        return catalogue.object_type(name)
    except KeyError:
        raise unknown_type(name) from None
