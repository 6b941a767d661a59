"""The one way to Salesforce: the only code that touches its client library.

The library gets a session id and nothing else, so it can never refresh by itself (its own refresh recurses without end
and loses headers). Limits, retries, the refresh, our share of the org's calls and the shape of every answer are decided
here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import IO, TypeVar

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from crm_audit.connectors.base import Calls
from crm_audit.connectors.salesforce.login import Login, Token, offer, token, whoami
from crm_audit.connectors.salesforce.quota import Allowance
from crm_audit.connectors.salesforce.reading import Row
from crm_audit.connectors.salesforce.refusals import (
    LOCKED,
    Expired,
    Locked,
    Overloaded,
    TooSlow,
    Vanished,
    reason,
    refusal,
    unreachable,
    wait_asked,
)
from crm_audit.connectors.salesforce.transport import TIMEOUT, held
from crm_audit.errors import BadLogin, FixConfig, NoAccess, OutOfQuota, Retry

ATTEMPTS = 5
LONGEST_WAIT = 30.0  # seconds
PATIENCE = 300.0
"""Seconds that we wait if Salesforce asks for it (Retry-After); where it asks for more, the run stops there."""
MOST_RECORDS = 200
"""Records in one Collections call."""
MOST_PARTS = 25
"""Subrequests in one composite, which is one call (composite resources)."""

Record = Mapping[str, object]
T = TypeVar("T")
Client = Salesforce


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
class Part:
    """What became of one subrequest of a composite: its body, or its own error."""

    body: object = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of Bulk results, whole on disk: CSV, how many records it has, and where the next page begins."""

    file: IO[bytes]
    records: int
    following: str | None


class Gateway:
    """One org, reached with one login. Safe to share between threads."""

    def __init__(
        self,
        login: Login,
        *,
        version: str,
        session: requests.Session,
        sleep: Callable[[float], None] = time.sleep,
        share: Decimal = Decimal(1),
    ) -> None:
        self.calls = Calls()
        self.allowance = Allowance(share)
        self.sleep = sleep
        self._login = login
        self._version = version
        self._session = held(session)
        self._lock = Lock()
        self._opened: tuple[Token, Client] | None = None
        self._now: datetime | None = None

    @property
    def root(self) -> str:
        """The path below which every resource lies."""
        return f"/services/data/v{self._version}"

    @property
    def now(self) -> datetime:
        """What time it is in Salesforce, by its last answer; Retry where it has not told."""
        if self._now is None:
            raise Retry("Salesforce did not say what time it is there (no Date header), so no place to go on is known")
        return self._now

    @property
    def development(self) -> bool:
        """Whether the login is a session that somebody else opened, which ends without notice."""
        return self._login.session_id is not None

    def user(self) -> str | None:
        """The user whose session this is, None where the org does not tell; raises BadLogin or Retry."""

        def ask() -> str | None:
            opened, _ = self._open()
            if opened.user is not None:
                return opened.user
            self.calls.count("userinfo")
            return whoami(opened, self._session)

        return self.retrying(ask)

    def describe(self, name: str) -> Row | None:
        """An object as this user sees it, None where it cannot be seen."""
        nothing: Row = {}
        return self.ask(Call("describe", f"sobjects/{name}/describe"), an_object, absent=nothing) or None

    def composite(self, name: str, paths: Sequence[str]) -> list[Part]:
        """Ask several addresses below the root in one call; each has its own outcome."""
        if len(paths) > MOST_PARTS:
            raise ValueError(f"{len(paths)} subrequests in one composite; Salesforce takes {MOST_PARTS}")
        parts = [
            {"method": "GET", "url": f"{self.root}/{path}", "referenceId": f"r{at}"} for at, path in enumerate(paths)
        ]
        call = Call(name, "composite", "POST", json={"allOrNone": False, "compositeRequest": parts})
        return self.ask(call, lambda answer: _parts(answer, len(paths)))

    def ask(self, call: Call, read: Callable[[object], T], *, absent: T | None = None) -> T:
        """One call, retried as a whole: `read` says whether the answer makes sense."""
        return self.retrying(lambda: self.once(call, read, absent=absent))

    def once(self, call: Call, read: Callable[[object], T], *, absent: T | None = None) -> T:
        """One call that is not repeated, but for a session that has ended."""
        return self._sent(call, lambda client, call: read(self._restful(client, call)), absent=absent)

    def upload(self, call: Call, sheet: bytes) -> None:
        """Send CSV, once."""
        self._sent(call, lambda client, call: self._put(client, call, sheet=sheet))

    def fetch(self, call: Call, *, file: IO[bytes]) -> Mapping[str, str]:
        """CSV into a file, past memory; gives the headers that came with it."""
        return self.retrying(lambda: self._sent(call, lambda client, call: self._spooled(client, call, file=file)))

    def sheet(self, job: str, locator: str | None, *, most: int, file: IO[bytes]) -> Sheet:
        """One page of at most so many records out of a Bulk job's results, into a file."""
        params = {"maxRecords": str(most), **({"locator": locator} if locator else {})}
        told = self.fetch(Call("bulk/results", f"jobs/query/{job}/results", params=params), file=file)
        count, following = told.get("Sforce-NumberOfRecords", ""), told.get("Sforce-Locator", "")
        if not count.isdecimal() or not following:
            raise Retry("Salesforce answered for Bulk results with something that is not what it documents")
        return Sheet(file, int(count), None if following == "null" else following)

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
            outcomes = self._sent(Call("save", path, "PATCH", json=body, writes=True), self._restful)
            reasons.update(zip(todo, _reasons(outcomes, len(todo)), strict=True))
            if any(LOCKED in (each or "") for each in reasons.values()):
                raise Locked("Salesforce: records are locked by somebody else's save")

        with suppress(Locked):  # what is still locked has its reason
            self.retrying(send)
        return [reasons[at] for at in range(len(records))]

    def retrying(self, attempt: Callable[[], T]) -> T:
        """An attempt, made again while it may work; it waits as long as Salesforce asks, or not at all."""
        policy = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=retry_if_exception(passing),
            sleep=self.sleep,
            reraise=True,
        )
        return policy(attempt)

    def _sent(self, call: Call, send: Callable[[Client, Call], T], *, absent: T | None = None) -> T:
        opened = self._open()
        try:
            return self._once(opened[1], call, send=send, absent=absent)
        except Expired:
            opened = self._open(instead_of=opened)
        try:
            return self._once(opened[1], call, send=send, absent=absent)
        except Expired:
            raise BadLogin(
                f"{self._login.host} does not accept the session: it has ended, or a login policy of the integration "
                "user forbids it; check the login settings and log in anew"
            ) from None

    def _once(self, client: Client, call: Call, *, send: Callable[[Client, Call], T], absent: T | None) -> T:
        self.allowance.spend()
        self.calls.count(call.name, writes=call.writes)
        try:
            return send(client, call)
        except NoAccess:
            if absent is not None:
                return absent
            raise
        except (requests.RequestException, HTTPError) as error:
            raise unreachable(self._login.host, error) from None

    def _restful(self, client: Client, call: Call) -> object:
        """Send through the library, which raises with the body of an error but without its headers."""
        heard: list[requests.Response] = []
        try:
            return client.restful(
                call.path,
                dict(call.params) if call.params else None,
                call.method,
                json=call.json,
                timeout=TIMEOUT,
                allow_redirects=False,
                hooks={"response": lambda answer, *_, **__: heard.append(answer)},
            )
        except SalesforceError as error:
            raise self._refused(call, heard[-1], content=error.content) from None
        finally:
            for answer in heard:
                self._heed(answer)

    def _spooled(self, client: Client, call: Call, *, file: IO[bytes]) -> Mapping[str, str]:
        """Fetch CSV, for which the library has neither limit nor refresh, past memory onto the disk."""
        url, params = f"{client.base_url}{call.path}", dict(call.params or {})
        with self._session.get(
            url, params=params, headers=client.headers, stream=True, timeout=TIMEOUT, allow_redirects=False
        ) as answer:
            self._heed(answer)
            if answer.status_code != requests.codes.ok:
                raise self._refused(call, answer, content=_json(answer))
            file.seek(0)
            file.truncate()
            for piece in answer.iter_content(64 * 1024):
                file.write(piece)
            return answer.headers

    def _put(self, client: Client, call: Call, *, sheet: bytes) -> None:
        """Send CSV, which the library would take for JSON."""
        headers = {**client.headers, "Content-Type": "text/csv; charset=UTF-8"}
        url = f"{client.base_url}{call.path}"
        with self._session.put(url, data=sheet, headers=headers, timeout=TIMEOUT, allow_redirects=False) as answer:
            self._heed(answer)
            if answer.status_code != requests.codes.created:
                raise self._refused(call, answer, content=_json(answer))

    def _refused(self, call: Call, answer: requests.Response, *, content: object) -> Exception:
        after = wait_asked(answer.headers.get("Retry-After"), now=_date(answer))
        if after is not None and after > PATIENCE:
            return OutOfQuota(
                f"Salesforce asks us to wait {after:.0f} seconds ({call.name}); the next run goes on from here"
            )
        return refusal(call.name, answer.status_code, content=content, after=after)

    def _heed(self, answer: requests.Response) -> None:
        self.allowance.told(answer.headers.get("Sforce-Limit-Info"))
        self._now = _date(answer) or self._now

    def _open(self, *, instead_of: tuple[Token, Client] | None = None) -> tuple[Token, Client]:
        """The open session; a new one, logged in for once by whoever comes first, where the old one is over."""
        with self._lock:
            if self._opened is None or self._opened is instead_of:
                self._opened = self._log_in(first=self._opened is None)
            return self._opened

    def _log_in(self, *, first: bool) -> tuple[Token, Client]:
        if first:
            self.calls.count("versions")
            offered = offer(self._login.host, self._session)
            self._now = offered.now
            if self._version not in offered.versions:
                raise FixConfig(
                    f"options.api_version: this org offers {', '.join(offered.versions)}, not {self._version}"
                )
        if not self.development:
            self.calls.count("token")
        opened = token(self._login, self._session, now=self.now)
        client = Salesforce(
            session_id=opened.access,
            instance_url=f"https://{opened.instance}",
            version=self._version,
            session=self._session,
            parse_float=Decimal,
            object_pairs_hook=dict,
        )
        return opened, client


def passing(error: BaseException | None) -> bool:
    """Whether the same call may work in a moment."""
    return isinstance(error, Retry) and not isinstance(error, (OutOfQuota, TooSlow, Vanished))


def an_object(answer: object) -> Row:
    """An answer that must be a JSON object."""
    if not isinstance(answer, Mapping):
        raise Retry("Salesforce answered with something that is not what it documents")
    return answer


_backoff = wait_random_exponential(multiplier=1, max=LONGEST_WAIT)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Overloaded) else None
    return max(asked or 0.0, _backoff(state))


def _date(answer: requests.Response) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    return None


def _json(answer: requests.Response) -> object:
    with suppress(ValueError):
        return answer.json()
    return None


def _parts(answer: object, count: int) -> list[Part]:
    parts = an_object(answer).get("compositeResponse")
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(each, Mapping) for each in parts):
        raise Retry("Salesforce answered a composite call with something that is not what it documents")
    return [_part(each) for each in parts]


def _part(part: Row) -> Part:
    status = part.get("httpStatusCode")
    if status == requests.codes.ok:
        return Part(part.get("body"))
    error = refusal("a query", status if isinstance(status, int) else 500, content=part.get("body"))
    return Part(error=Overloaded(str(error)) if isinstance(error, Expired) else error)


def _reasons(outcomes: object, count: int) -> list[str | None]:
    if not isinstance(outcomes, list) or len(outcomes) != count:
        raise Retry("Salesforce did not answer with one outcome for each record")
    return [reason(outcome) for outcome in outcomes]
