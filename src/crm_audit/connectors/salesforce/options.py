"""The settings of a Salesforce connection, checked before the first call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from crm_audit.config import Connection
from crm_audit.connectors.mail import AUTOMATIC
from crm_audit.connectors.options import RECHECK, Frozen, checked
from crm_audit.connectors.titles import PRICING_WORDS
from crm_audit.errors import FixConfig
from crm_audit.near import near
from crm_audit.patterns import Pattern

API_VERSION = "66.0"
BREAK_EVEN = 30_000
"""Rows above which a Bulk job (made, looked at twice, fetched: 4 calls) is cheaper than pages of 2,000. A call takes
five pages, of whichever queries still have some: alone they break even at 8,000 rows, in company at 40,000."""
RECORDS = 100_000
"""Records in one page of Bulk results: each is a call, and lies on disk while it is read."""
ALLOWED_HOSTS = (".salesforce.com", ".force.com")
"""The only places a token is ever sent to, and the only ones a login answer may point at."""

STANDARD = {
    "amount": "Opportunity.Amount",
    "close_date": "Opportunity.CloseDate",
    "company": "Opportunity.AccountId",
    "next_step": "Opportunity.NextStep",
}
"""Fields every org has; a mapping may name another."""

FIELDS: Mapping[str, str] = {
    **dict.fromkeys(STANDARD, "Opportunity"),
    **dict.fromkeys(("budget", "budget_currency", "need", "solution_fit"), "Opportunity"),
    **dict.fromkeys(("fit_tier", "fit_score", "fit_assessed"), "Account"),
    "left_on": "Contact",
    "meeting_outcome": "Event",
}
"""What `fields` may map, and on which object that field lies."""

LOGIN: Mapping[str, str] = {
    "consumer_key": "the consumer key of an External Client App",
    "consumer_secret": "its consumer secret, for the client-credentials flow",
    "username": "for the JWT bearer flow instead: the integration user",
    "private_key": "with it the private key (PEM) whose certificate the app has",
    "private_key_file": "or the path of a file that holds it",
    "session_id": "for development, in the place of all these: a session that somebody else opened",
}
"""What `login` names."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the API name of an object or field")
    return text


ApiName = Annotated[str, AfterValidator(_name)]


class Quotes(Frozen):
    """Where quotes live: the standard object, or that of a quoting tool."""

    object: ApiName = "Quote"  # the object
    deal: ApiName = "OpportunityId"  # its lookup to the deal
    contact: ApiName = "ContactId"  # its lookup to the contact who gets it
    status: ApiName = "Status"  # its field for the state
    total: ApiName = "GrandTotal"  # its field for the price
    signed_on: ApiName | None = None  # a field that only a signature or an acceptance fills
    sent: tuple[str, ...] = ("Presented",)  # states in which the buyer can see it
    accepted: tuple[str, ...] = ("Accepted",)  # states in which the seller says that the buyer accepted


class Options(Frozen):
    """`options` of a Salesforce connection."""

    domain: str | None = None  # My Domain, "acme.my"
    instance: str | None = None  # or the whole host, "acme.my.salesforce.com"
    login_host: str | None = None  # whom a JWT is for; "test.salesforce.com" for sandboxes, told by the domain's name
    api_version: str = Field(default=API_VERSION, pattern=r"^\d\d\.0$")  # the version of the API that is called
    bulk_above: int = Field(default=BREAK_EVEN, ge=0)  # rows above which the Bulk API is used
    bulk_records: int = Field(default=RECORDS, ge=1)  # records in one page of Bulk results
    connected: tuple[str, ...] = ("Connected",)  # call results that mean somebody answered; "" lets an empty one count
    attestations: Mapping[str, tuple[str, ...]] = {}  # type of a Task -> topics somebody vouches for
    rechecks: Mapping[str, tuple[str, ...]] = {}  # type of a Task -> topics asked again
    mail_in: tuple[Pattern, ...] = ()  # subjects of Tasks in which a tool logged mail from the buyer
    mail_out: tuple[Pattern, ...] = ()  # subjects of Tasks in which a tool logged mail to the buyer
    titles: Mapping[str, Pattern] = {}  # topic -> what a title or subject must match, besides pricing
    pricing: Pattern = PRICING_WORDS  # what a title that speaks of pricing matches
    automatic: Pattern = AUTOMATIC  # subjects of automatic replies
    quotes: Quotes = Quotes()  # where quotes live
    connection_key: str = Field(
        default="crm-audit", pattern=r"^\S{1,80}$"
    )  # tells several installations in one org apart

    @property
    def host(self) -> str:
        """The host we log in to; FixConfig where none is named or a token must not go there."""
        host = self.instance or (f"{self.domain}.salesforce.com" if self.domain else "")
        if not host:
            raise FixConfig("options.domain is missing: the org's My Domain, such as 'acme.my'")
        if not allowed(host):
            raise FixConfig(f"options: {host!r} is no Salesforce host; it must end in {' or '.join(ALLOWED_HOSTS)}")
        return host

    @property
    def audience(self) -> str:
        """The login host that a JWT is made out to."""
        sandbox = "--" in self.host or ".sandbox." in self.host
        host = self.login_host or ("test.salesforce.com" if sandbox else "login.salesforce.com")
        if not allowed(host):
            raise FixConfig(f"options.login_host: {host!r} is no Salesforce host")
        return host


def allowed(host: str) -> bool:
    """Whether a token may go to that host."""
    return bool(re.fullmatch(r"[a-z0-9.-]+", host)) and host.endswith(ALLOWED_HOSTS)


def options(connection: Connection) -> Options:
    """The connection's own settings; FixConfig says which is wrong."""
    return checked(connection, Options, parts=(Quotes,))


def mapped_fields(connection: Connection) -> dict[str, tuple[str, str]]:
    """Our names with the object and the field that hold them."""
    return {name: _place(name, field) for name, field in {**STANDARD, **connection.fields}.items()}


def _place(name: str, field: str) -> tuple[str, str]:
    wanted = "Opportunity" if name.startswith(RECHECK) else FIELDS.get(name)
    if wanted is None:
        hint = near(name, FIELDS) or f"there are {', '.join(sorted(FIELDS))}, {RECHECK}<topic>"
        raise FixConfig(f"fields.{name}: nothing of that name can be mapped; {hint}")
    owner, _, api_name = field.rpartition(".")
    if owner not in ("", wanted) or not _NAME.fullmatch(api_name):
        raise FixConfig(f"fields.{name}: {field!r} must name one field of {wanted}, such as '{wanted}.Name__c'")
    return wanted, api_name
