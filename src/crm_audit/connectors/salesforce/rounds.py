"""A run: its passes side by side, in rounds, until nothing has to follow.

Whatever has to be asked is asked in lockstep (see `asking`); what is too large for pages comes by Bulk. Activities
wait, on disk, until what lies beside them is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile

from crm_audit.connectors.base import Gap, Page, Reading
from crm_audit.connectors.salesforce import bulk, records
from crm_audit.connectors.salesforce.asking import (
    PAGE,
    STAMP,
    Answer,
    Failed,
    Found,
    Large,
    Query,
    Told,
    among,
    asked,
    literal,
    place_of,
)
from crm_audit.connectors.salesforce.feeds import LIVE, Beside, feeds, silent
from crm_audit.connectors.salesforce.org import Org
from crm_audit.connectors.salesforce.passes import Pass, digest, live, nothing, passes
from crm_audit.connectors.salesforce.place import OVERLAP, Place, begun, parsed
from crm_audit.connectors.salesforce.reading import Row, instant, required, text
from crm_audit.connectors.salesforce.refusals import Vanished
from crm_audit.connectors.scratch import Scratch, pages, roomy
from crm_audit.domain import KINDS
from crm_audit.errors import CrmAuditError, FixConfig, FixInCrm, Incomplete, OutOfQuota, Retry

Read = Iterator[Page | Gap]


def read(look: Callable[[], Org], reading: Reading) -> Read:
    """All that one run asks of an org; `look` opens it."""
    kinds = list(KINDS)
    try:
        org = look()
        short = reading.reach != "all"
        todo = passes(org, feeds(org), reading)
        if short:
            yield from (Gap(kind, UNREAD) for each in todo if not each.goes_on for kind in _kinds(each))
            todo = [each for each in todo if each.goes_on]
        else:
            yield from _standing(org, reading)
        yield from (page for each in todo for page in each.given_up(reading.stands))
        with closing(Scratch()) as scratch:
            while todo:
                current = Round(org, scratch, todo, _moved_deals(org, reading))
                kinds = [kind for kind in KINDS if any(kind in _kinds(each) for each in todo)]
                yield from current.run()
                kinds = []
                following = (each.following(reading, now=org.now) for each in todo)
                todo = [each for each in following if each]
    except OutOfQuota as error:
        unread = kinds or [kind for kind in KINDS if any(kind in _kinds(each) for each in todo)]
        yield from (Gap(kind, str(error)) for kind in unread)


def _kinds(each: Pass) -> list[str]:
    return [] if each.place.ended else [stream.kind for stream in each.streams]


def _moved_deals(org: Org, reading: Reading) -> str:
    """Since when deals may have closed that are still open as far as the store knows."""
    stand = reading.stands.get("deals/Opportunity")
    place = parsed(stand.cursor) if stand else None
    mark = datetime.fromisoformat(place.mark) if place else org.now
    return literal(mark - OVERLAP)


def _standing(org: Org, reading: Reading) -> Read:
    """What came with the opening of the org, and streams that the settings turned off."""
    told = digest(repr(org.basics[name]) for name in ("OpportunityStage", "RecordType", "BusinessProcess"))
    place, _ = begun("stages", reading.stands.get("stages"), reading, now=org.now, asked=told)
    page = Page(kind="stages", stream="stages", cursor=place.end().text, ended=True)
    yield replace(page, rows=tuple(org.stages()), sweep="all") if place.whole else page
    rates = tuple(records.rates(org.basics["CurrencyType"]))
    yield Page(kind="rates", stream="rates/CurrencyType", rows=rates, cursor=page.cursor, ended=True, sweep="all")
    for stream in silent(org):
        if stream.name not in reading.stands:
            yield Page(kind=stream.kind, stream=stream.name, cursor=page.cursor, ended=True, sweep="all")


UNREAD = "no night has read it to its end yet under these settings; short runs wait for that"


class Round:
    """Some passes, read side by side."""

    def __init__(self, org: Org, scratch: Scratch, todo: Sequence[Pass], moved_deals: str) -> None:
        self._org = org
        self._gateway = org.gateway
        self._scratch = scratch
        self._passes = {each.key: each for each in todo}
        self._besides: dict[str, Beside] = {}
        self._moved_deals = moved_deals
        self._large: list[Query] = []
        self._logs = {path: each for each in todo if (path := each.deleted)}

    def run(self) -> Read:
        """Read them to their ends; a pass that fails leaves a gap, and the others go on."""
        queries = list(self._queries())
        yield from self._take(asked(self._gateway, queries, along=list(self._logs)))
        yield from self._bulk()
        self._complete()
        self._spare()
        for each in self._passes.values():
            if not each.failed:
                yield from self._rest(each)
        yield from self._gaps()

    def _queries(self) -> Iterator[Query]:
        """The first set: the rows of every pass, and what is read of what lies beside them."""
        for each in self._passes.values():
            if not each.place.job:
                yield each.query
            if each.sweeps and not each.place.whole:
                where = f"(Opportunity.IsClosed = false OR Opportunity.{STAMP} >= {self._moved_deals})"
                yield replace(
                    self._org.query(f"open {each.key}", each.feed.object, where=(LIVE, where)),
                    most=self._org.options.bulk_above,
                )
        yield from self._read_beside()

    def _read_beside(self) -> Iterator[Query]:
        """Wholly beside a whole pass; beside an increment only what changed by itself."""
        lying = [(each, beside) for each in self._passes.values() for beside in each.feed.beside]
        for each, beside in sorted(lying, key=lambda pair: (not pair[0].place.whole, pair[0].place.since)):
            if beside.object in self._besides or beside.listed or not self._org.schema.reads(beside.object, beside.key):
                continue
            if not each.place.whole and not beside.tells:
                continue
            self._besides[beside.object] = beside
            where = [beside.where] if beside.where else []
            where += [] if each.place.whole else [f"{STAMP} >= {each.place.since}"]
            asked = self._org.query(f"beside {beside.object}", beside.object, where=where, only=beside.only)
            yield replace(asked, most=self._org.options.bulk_above)

    def _take(self, answers: Iterable[Answer]) -> Read:
        for answer in answers:
            match answer:
                case Told():
                    self._log(self._logs[answer.path], answer)
                case Large():
                    self._large.append(answer.query)
                case Failed():
                    self._fail(answer.query, answer.error)
                case Found() if answer.rows:
                    yield from self._rows(answer.query, answer.rows)

    def _rows(self, query: Query, rows: Sequence[Row], place: Place | None = None) -> Read:
        """What becomes of a page of rows: pages of records, or rows set aside for later."""
        role, _, key = query.name.partition(" ")
        if role == "beside":
            self._aside(self._besides[key], rows)
            self._move(self._besides[key], rows)
            return
        each = self._passes[key]
        if each.failed:
            return
        if role == "open":
            yield from each.pages(rows, nothing, each.place)
        elif each.feed.grouped:
            self._scratch.put(f"group {key}", ((required(row, each.feed.grouped), row) for row in rows))
        elif place is not None:
            each.moved.difference_update(required(row, "Id") for row in rows)
            yield from each.pages(rows, self._lookup, place)
        elif each.feed.beside:
            self._scratch.put(f"held {key}", ((required(row, "Id"), row) for row in rows))
        else:
            yield from each.pages(rows, nothing, replace(each.place, after=place_of(rows[-1])))

    def _aside(self, beside: Beside, rows: Sequence[Row]) -> None:
        lying = rows if beside.keeps else live(rows)
        self._scratch.put(f"beside {beside.object}", ((key, row) for row in lying if (key := text(row, beside.key))))

    def _move(self, beside: Beside, rows: Sequence[Row]) -> None:
        """Note what has to be read again because something beside it changed, was added or went."""
        for each in self._passes.values() if beside.tells else ():
            if not each.place.whole and beside in each.feed.beside:
                since = datetime.fromisoformat(each.place.since)
                changed = (row for row in rows if (at := instant(row, STAMP)) and at >= since)
                each.moved.update(key for row in changed if (key := text(row, beside.key)))

    def _lookup(self, name: str, keys: Iterable[str]) -> Mapping[str, Sequence[Row]]:
        """Each row once, and in an order that does not depend on how it came."""
        found = {
            key: {required(row, "Id"): row for row in rows}
            for key, rows in self._scratch.of(f"beside {name}", keys).items()
        }
        return {key: [rows[each] for each in sorted(rows)] for key, rows in found.items()}

    def _log(self, each: Pass, told: Told) -> None:
        """What the log of deletions says; what it hides from us the periodic sweep finds."""
        error, body = told.part.error, told.part.body
        if isinstance(error, OutOfQuota):
            raise error
        listed = body.get("deletedRecords") if isinstance(body, Mapping) else None
        if isinstance(error, Retry):
            each.failed = str(error)
        elif error is not None:
            each.holes = True
        elif not isinstance(body, Mapping) or not isinstance(listed, list):
            each.failed = (
                f"Salesforce's log of deleted {each.feed.object} says neither what nor that nothing was deleted"
            )
        else:
            each.gone |= {required(row, "id") for row in listed}
            each.covered = instant(body, "latestDateCovered")
            earliest = instant(body, "earliestDateAvailable")
            each.holes = earliest is not None and earliest > datetime.fromisoformat(each.place.since)
            if each.holes and each.short:  # its mark must not move past what only a whole pass can tell
                each.failed = f"Salesforce's log of deleted {each.feed.object} is too short; the next night reads all"

    def _rest(self, each: Pass) -> Read:
        """What was set aside of a pass, and its end."""
        try:
            if each.feed.grouped:
                yield from each.groups(self._scratch.groups(f"group {each.key}", after=each.place.after[1]), nothing)
            if each.feed.beside:
                yield from self._held(each)
        except OutOfQuota:
            raise
        except (Retry, FixInCrm) as error:
            each.failed = str(error)
        if not each.failed:
            yield from each.last()

    def _held(self, each: Pass) -> Read:
        for rows in pages(self._scratch.all(f"held {each.key}"), PAGE):
            yield from each.pages(rows, self._lookup, replace(each.place, after=place_of(rows[-1])))
        for rows in pages(self._scratch.all(f"alone {each.key}"), PAGE):
            yield from each.pages(rows, self._lookup, each.place)

    def _complete(self) -> None:
        """Set aside what all the rows that wait still lack, in two calls where these are few, whatever their passes.

        Rows that did not change themselves, but something beside them did, are fetched by their ids.
        """
        waiting = [each for each in self._passes.values() if each.feed.beside and not each.failed]
        for each in waiting:
            for rows in pages(self._scratch.all(f"held {each.key}"), PAGE):
                each.moved.difference_update(required(row, "Id") for row in rows)
        alone = [
            self._org.query(f"alone {each.key}", each.feed.object, where=(where,))
            for each in waiting
            for where in among("Id", each.moved)
        ]
        self._settle(((each, self._scratch.all(f"held {each.key}")) for each in waiting), along=alone)
        self._settle((each, self._scratch.all(f"alone {each.key}")) for each in waiting if each.moved)

    def _spare(self) -> None:
        """Of what was logged as deleted, keep what is only in the bin: an earlier run may have shown its row."""
        queries = [
            self._org.query(f"alone {each.key}", each.feed.object, where=(where,), only=("Id",))
            for each in self._passes.values()
            if each.resumed and each.feed.keeps and not each.failed
            for where in among("Id", each.gone)
        ]
        for answer in asked(self._gateway, queries):
            if isinstance(answer, Failed):
                self._fail(answer.query, answer.error)
            elif isinstance(answer, Found):
                (each,) = self._passes_of(answer.query)
                each.gone.difference_update(required(row, "Id") for row in answer.rows)

    def _settle(self, lots: Iterable[tuple[Pass, Iterable[Row]]], *, along: Iterable[Query] = ()) -> None:
        """Ask for what lies beside these rows and is not yet set aside; a pass that does not get it has failed."""
        wanted: dict[str, tuple[Beside, set[str]]] = {}
        for each, rows in lots:
            self._want(wanted, each, rows)
        lying = [
            self._org.query(f"lying {name}", name, where=(where,), only=beside.only)
            for name, (beside, keys) in wanted.items()
            if self._org.schema.reads(name, beside.key)
            for where in among(beside.key, keys)
        ]
        for answer in asked(self._gateway, [*along, *lying]):
            if isinstance(answer, Failed):
                self._fail(answer.query, answer.error)
            elif isinstance(answer, Found) and answer.query.name.startswith("alone "):
                self._scratch.put(answer.query.name, ((required(row, "Id"), row) for row in answer.rows))
            elif isinstance(answer, Found):
                beside = wanted[answer.query.object][0]
                self._aside(beside, answer.rows)

    def _want(self, wanted: dict[str, tuple[Beside, set[str]]], each: Pass, rows: Iterable[Row]) -> None:
        """Add the keys under which something may lie beside these rows."""
        for some in pages(rows, PAGE):
            known = live(some)
            for beside in each.feed.beside:
                if each.place.whole and not beside.listed:
                    continue
                asked_of = [row for row in known if not (beside.tells and _new(row, each.place.since))]
                wanted.setdefault(beside.object, (beside, set()))[1].update(beside.keys(self._org, asked_of))

    def _bulk(self) -> Read:
        """The jobs, all made before any is waited for; what lies beside comes first, and what is not made, by pages."""
        jobs = [(each.query, each.place.job) for each in self._passes.values() if each.place.job and not each.failed]
        paged = []
        for query in self._large:
            try:
                jobs.append((query, bulk.create(self._gateway, query)))
            except (OutOfQuota, Incomplete, FixConfig):
                raise
            except Retry as error:
                self._fail(query, error)
            except CrmAuditError:
                paged.append(replace(query, most=None))  # no Bulk API here, or no more jobs today
        if jobs:
            self._gateway.sleep(bulk.FIRST_WAIT)
        for query, job in jobs:
            if (each := self._pass_of(query)) and each.place.job != job:
                each.place = replace(each.place, job=job)
                yield each.beat()
        yield from self._take(asked(self._gateway, paged))
        for query, job in sorted(jobs, key=lambda pair: ORDER.index(pair[0].name.partition(" ")[0])):
            yield from self._job(query, job)

    def _pass_of(self, query: Query) -> Pass | None:
        role, _, key = query.name.partition(" ")
        return self._passes[key] if role == "main" else None

    def _job(self, query: Query, job: str, *, again: bool = False) -> Read:
        """What a job finds; where Salesforce has lost the job, what a new one finds."""
        each = self._pass_of(query)
        if each is not None and each.failed:
            return
        try:
            if again:
                job = bulk.create(self._gateway, query)
                if each is not None:
                    each.place = replace(each.place.again(), job=job)
            yield from self._results(query, job)
            return
        except OutOfQuota:
            raise
        except (Retry, FixInCrm) as error:
            if again or not isinstance(error, Vanished):
                self._fail(query, error)
                return
        yield from self._job(query, job, again=True)

    def _results(self, query: Query, job: str) -> Read:
        for wait in bulk.waits(self._gateway, job):
            yield self._passes_of(query)[0].beat()
            self._gateway.sleep(wait)
        each = self._pass_of(query)
        tracked = each is not None and not each.feed.grouped
        locator, done = (each.place.locator, each.place.done) if each is not None and tracked else ("", 0)
        types = self._org.schema.fields(query.object)
        following: str | None = locator
        while following is not None:
            locator = following
            with roomy(), TemporaryFile() as file:
                sheet = bulk.sheet(self._gateway, job, locator, most=self._org.options.bulk_records, file=file)
                if each is not None and each.feed.beside:
                    self._settle([(each, islice(bulk.rows(sheet, query.object, types), done, None))])
                for rows in pages(islice(bulk.rows(sheet, query.object, types), done, None), PAGE):
                    done += len(rows)
                    place = replace(each.place, locator=locator, done=done) if each is not None else None
                    yield from self._rows(query, rows, place)
            following, done = sheet.following, 0

    def _passes_of(self, query: Query) -> list[Pass]:
        """The passes that a query is for."""
        role, _, key = query.name.partition(" ")
        if role in ("main", "open", "alone"):
            return [self._passes[key]]
        return [each for each in self._passes.values() if any(beside.object == key for beside in each.feed.beside)]

    def _fail(self, query: Query, error: CrmAuditError) -> None:
        for each in self._passes_of(query):
            each.failed = each.failed or str(error)

    def _gaps(self) -> Read:
        reasons: dict[str, str] = {}
        for each in self._passes.values():
            for stream in each.streams if each.failed else ():
                reasons.setdefault(stream.kind, each.failed)
        yield from (Gap(kind, reason) for kind, reason in reasons.items())


ORDER = ("beside", "main", "open")
"""Which jobs are read first."""


def _new(row: Row, since: str) -> bool:
    """Whether a row was made within the increment: then so was all that lies beside it, and has been read with it."""
    made = instant(row, "CreatedDate")
    return bool(since) and made is not None and made >= datetime.fromisoformat(since)
