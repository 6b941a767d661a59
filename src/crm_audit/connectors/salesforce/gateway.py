"""The one way to Salesforce: the only code that touches its client library.

The library gets a session id and nothing else, so it can never refresh by itself (its own refresh recurses without end
and loses headers). Timeouts, retries, the refresh, paging and the shape of every answer are decided here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock
from typing import TypeVar
from urllib.parse import quote

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from crm_audit.connectors.base import Calls
from crm_audit.connectors.salesforce.login import TIMEOUT, Login, Token, token, versions, whoami
from crm_audit.connectors.salesforce.reading import Row
from crm_audit.connectors.salesforce.refusals import LOCKED, Expired, Locked, reason, refusal, unreachable
from crm_audit.errors import BadLogin, FixConfig, NoAccess, OutOfQuota, Retry

ATTEMPTS = 5
LONGEST_WAIT = 30.0  # seconds
LONG_QUERY = 12_000
"""Characters of an encoded query above which it goes by POST: an address may have 16,384 bytes with all headers."""
MOST_RECORDS = 200
"""Records in one Collections call."""

_NEXT = re.compile(r"/services/data/v\d+\.\d/((?:query|queryAll)/[A-Za-z0-9-]+)")

Record = Mapping[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it is named in the count, and what goes over the wire."""

    name: str
    path: str
    method: str = "GET"
    params: Mapping[str, str] | None = None
    json: Record | None = None
    writes: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[Row]
    following: str | None  # the path of the next page


class Gateway:
    """One org, reached with one login. Safe to share between threads."""

    def __init__(
        self, login: Login, *, version: str, session: requests.Session, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.calls = Calls()
        self._login = login
        self._version = version
        self._session = session
        self._sleep = sleep
        self._lock = Lock()
        self._opened: tuple[Token, Salesforce] | None = None

    @property
    def usage(self) -> tuple[int, int] | None:
        """Calls used and allowed in 24 hours, as the last answer said."""
        usage = self._opened[1].api_usage.get("api-usage") if self._opened else None
        return (usage.used, usage.total) if usage else None

    def user(self) -> str | None:
        """The user whose session this is, None where the org does not tell; raises BadLogin or Retry."""

        def ask() -> str | None:
            opened, _ = self._open()
            if opened.user is not None:
                return opened.user
            self.calls.count("userinfo")
            return whoami(opened, self._session)

        return self._retrying(ask)

    def describe(self, name: str) -> Row | None:
        """An object as this user sees it, None where it cannot be seen."""
        nothing: Row = {}
        return self._ask(Call("describe", f"sobjects/{name}/describe"), _object, absent=nothing) or None

    def query(self, soql: str, *, everything: bool = False) -> Iterator[Row]:
        """All rows a query finds, page after page; `everything` adds deleted and archived ones."""
        answer = self._first_page(soql, "queryAll" if everything else "query")
        while True:
            yield from answer.rows
            if answer.following is None:
                return
            answer = self._ask(Call("queryMore", answer.following), _page)

    def save(self, path: str, records: Sequence[Record]) -> list[str | None]:
        """Send records to a Collections address; for each Salesforce's reason for refusing it, None where it is saved.

        Records that somebody else's save has locked are sent again, alone.
        """
        if len(records) > MOST_RECORDS:
            raise ValueError(f"{len(records)} records in one call; Salesforce takes {MOST_RECORDS}")
        reasons: dict[int, str | None] = {}

        def send() -> None:
            todo = [at for at in range(len(records)) if LOCKED in (reasons.get(at, LOCKED) or "")]
            body = {"allOrNone": False, "records": [records[at] for at in todo]}
            outcomes = self._sent(Call("save", path, "PATCH", json=body, writes=True))
            reasons.update(zip(todo, _reasons(outcomes, len(todo)), strict=True))
            if any(LOCKED in (each or "") for each in reasons.values()):
                raise Locked("Salesforce: records are locked by somebody else's save")

        with suppress(Locked):  # what is still locked has its reason
            self._retrying(send)
        return [reasons[at] for at in range(len(records))]

    # One call, retried as a whole: what was asked, the answer, and whether the answer makes sense.

    def _first_page(self, soql: str, resource: str) -> _Page:
        encoded = quote(soql)
        if len(encoded) <= LONG_QUERY:
            return self._ask(Call(resource, f"{resource}/", params={"q": soql}), _page)
        url = f"/services/data/v{self._version}/{resource}/?q={encoded}"
        inside = {"compositeRequest": [{"method": "GET", "url": url, "referenceId": "rows"}]}
        return self._ask(Call("composite", "composite", "POST", json=inside), lambda answer: _page(_inside(answer)))

    def _ask(self, call: Call, read: Callable[[object], T], *, absent: T | None = None) -> T:
        return self._retrying(lambda: read(self._sent(call, absent=absent)))

    def _retrying(self, attempt: Callable[[], T]) -> T:
        policy = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=1, max=LONGEST_WAIT),
            retry=retry_if_exception(lambda error: isinstance(error, Retry) and not isinstance(error, OutOfQuota)),
            sleep=self._sleep,
            reraise=True,
        )
        return policy(attempt)

    def _sent(self, call: Call, *, absent: object = None) -> object:
        opened = self._open()
        try:
            return self._once(opened[1], call, absent=absent)
        except Expired:
            opened = self._open(instead_of=opened)
        try:
            return self._once(opened[1], call, absent=absent)
        except Expired:
            raise BadLogin(
                f"{self._login.host} does not accept the session: it has ended, or a login policy of the integration "
                "user forbids it; check the login settings and log in anew"
            ) from None

    def _once(self, client: Salesforce, call: Call, *, absent: object) -> object:
        self.calls.count(call.name, writes=call.writes)
        params = dict(call.params) if call.params else None
        try:
            return client.restful(
                call.path, params, call.method, json=call.json, timeout=TIMEOUT, allow_redirects=False
            )
        except SalesforceError as error:
            failure = refusal(call.name, error.status, content=error.content)
            if absent is not None and isinstance(failure, NoAccess):
                return absent
            raise failure from None
        except requests.RequestException as error:
            raise unreachable(self._login.host, error) from None

    def _open(self, *, instead_of: tuple[Token, Salesforce] | None = None) -> tuple[Token, Salesforce]:
        """The open session; a new one, logged in for once by whoever comes first, where the old one is over."""
        with self._lock:
            if self._opened is None or self._opened is instead_of:
                self._opened = self._log_in(check_version=self._opened is None)
            return self._opened

    def _log_in(self, *, check_version: bool) -> tuple[Token, Salesforce]:
        if self._login.session_id is None:
            self.calls.count("token")
        opened = token(self._login, self._session)
        if check_version:
            self.calls.count("versions")
            offered = versions(opened, self._session)
            if self._version not in offered:
                raise FixConfig(f"options.api_version: this org offers {', '.join(offered)}, not {self._version}")
        client = Salesforce(
            session_id=opened.access,
            instance_url=f"https://{opened.instance}",
            version=self._version,
            session=self._session,
            parse_float=Decimal,
            object_pairs_hook=dict,
        )
        return opened, client


def _object(answer: object) -> Row:
    if not isinstance(answer, Mapping):
        raise Retry("Salesforce answered with something that is not what it documents")
    return answer


def _page(answer: object) -> _Page:
    page = _object(answer)
    rows, done = page.get("records"), page.get("done")
    if not isinstance(rows, list) or not isinstance(done, bool):
        raise Retry("Salesforce answered a query with something that is no page of rows")
    return _Page(rows, None if done else _next_path(page))


def _next_path(page: Row) -> str:
    following = page.get("nextRecordsUrl")
    found = _NEXT.fullmatch(following) if isinstance(following, str) else None
    if found is None:  # sometimes an object comes; and a host in it would get our token
        raise Retry("Salesforce gave no usable address for the next page of rows")
    return found[1]


def _inside(answer: object) -> object:
    parts = _object(answer).get("compositeResponse")
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], Mapping):
        raise Retry("Salesforce answered a composite call with something that is not what it documents")
    status = parts[0].get("httpStatusCode")
    if status != requests.codes.ok:
        raise refusal("composite", status if isinstance(status, int) else 500, content=parts[0].get("body"))
    return parts[0].get("body")


def _reasons(outcomes: object, count: int) -> list[str | None]:
    if not isinstance(outcomes, list) or len(outcomes) != count:
        raise Retry("Salesforce did not answer with one outcome for each record")
    return [reason(outcome) for outcome in outcomes]
