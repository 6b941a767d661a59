"""What a connector answers. It is a package with `connect`, its `Options`, and a line in `connectors.CONNECTORS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from crm_audit.domain import Account, Annotation, Record, Stage, Survey

Fields = Mapping[str, str | int | None]
"""Fields of ours in the CRM's own names, with their values as the CRM gives them back."""


Sweep = Literal["none", "all", "open"]
"""What a pass proves at its end: nothing, that the rest of its stream is gone, or that only about open deals."""


Reach = Literal["all", "changes", "hints"]
"""How far a run reaches: over everything that a night reads, over increments alone, or over hinted records alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records of one kind out of one stream, and where that stream goes on after them; committed whole or not at all.

    A page without rows is a heartbeat: a connector that waits long yields one per look.
    """

    kind: str  # a key of domain.KINDS
    stream: str  # unique within the connector, such as `events/Task`; one stream feeds one kind
    rows: tuple[Record, ...] = ()
    gone: tuple[str, ...] = ()  # ids of this kind that the CRM does not have any more, or that tell nothing any more
    deals: tuple[str, ...] = ()  # of these, `rows` is all that this stream has: their other rows of it are gone
    cursor: str = ""  # opaque to everyone but the connector: where the stream goes on, in this run or a later one
    ended: bool = False  # the pass ends with this page
    sweep: Sweep = "none"  # on the last page of a pass: which rows that it did not show are gone


@dataclass(frozen=True, slots=True)
class Gap:
    """A kind that could not be read to its end in this run; what was read stays, and the next run goes on there."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a stream stands after the runs so far."""

    cursor: str
    ended: bool  # False: a pass is in the middle, go on at the cursor
    whole: datetime | None  # when the last pass that ended with sweep="all" began; None: never under these settings


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody said that a record changed. What is true of it, only reading it again tells."""

    key: str  # of what was said: the same when it is said again
    object: str  # in the CRM's word, such as `deals`
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message that says it comes from a CRM, as it came in. `url` is the address by which the CRM knows us."""

    method: str
    url: str  # of our settings, and never of the message
    headers: Mapping[str, str]  # by names in lower case
    body: bytes
    at: datetime  # when it came


@dataclass(frozen=True, slots=True)
class Mail:
    """What a delivery says: whose accounts it speaks of, and what to read again there."""

    accounts: frozenset[str]
    hints: tuple[Hint, ...]


class Forged(Exception):
    """Whoever sent this does not know the secret, or sent it at another time."""


class Mailbox(Protocol):
    """Opens the messages that a CRM sends about changes."""

    def open(self, delivery: Delivery) -> Mail:
        """What it says; Forged where its signature does not say so, ValueError where it is no message of this CRM."""


class Known(Protocol):
    """What the store holds of this connection now, this run's pages included."""

    def records(self, kind: str, ids: Iterable[str]) -> Mapping[str, Record]:
        """Current records by id; one that is not there is left out."""

    def open_deals(self) -> Iterator[Sequence[str]]:
        """Ids of deals in open stages, at most 1,000 at a time; pages may be saved between two batches."""

    def deals_of(self, people: Iterable[str]) -> Sequence[str]:
        """Deals that have a current link to any of these people."""

    def hashed(self, text: str) -> str:
        """A keyed hash, the same for ever within this store; 16 hexadecimal characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one run asks of a connector."""

    started: datetime  # by our clock: marks are taken from the CRM's own, never from this
    known: Known
    stands: Mapping[str, Stand] = field(default_factory=dict)  # by stream; one that was never read is not there
    anew: frozenset[str] = frozenset()  # kinds to be read whole from the beginning, whatever their stand
    since: datetime | None = None  # increments go back at least to here
    whole_before: datetime | None = None  # a whole pass that began before this is due again
    hints: tuple[Hint, ...] = ()  # records to be read by id, whatever an index says of them
    unmapped: frozenset[str] = frozenset()  # what the run is known not to be able to tell, by `Survey.unmapped`
    reach: Reach = "all"  # a shorter run reads no stream from its beginning, and sweeps nothing


@dataclass(frozen=True, slots=True)
class Write:
    """One change to one place of ours in the CRM.

    `place` is the vendor's word for it (`deal`, `CRM_Audit_Verdict__c`, `Opportunity`); `before` and `after` hold only
    the fields that differ. A place that does not exist yet has `before=None`.
    """

    deal: str
    place: str
    before: Fields | None
    after: Fields


@dataclass(frozen=True, slots=True)
class Written:
    """A write that arrived, and when the run began on whose evidence it rests; None for an undo."""

    write: Write
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one write: `reason` says, in the CRM's words, why it was refused."""

    write: Write
    ok: bool
    reason: str | None = None
    overwritten: bool = False  # not ok, yet it arrived: read back, something in the CRM had changed it already


@dataclass(slots=True)
class Calls:
    """How many calls went to the CRM, by what they did there."""

    read: int = 0
    write: int = 0
    by_name: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, *, writes: bool = False) -> None:
        """Note one call; `name` is short and stable, for example `deals/search`."""
        self.read += not writes
        self.write += writes
        self.by_name[name] = self.by_name.get(name, 0) + 1

    def so_far(self) -> Calls:
        """The counts as they stand; these do not move any more."""
        return Calls(self.read, self.write, dict(self.by_name))

    def since(self, earlier: Calls) -> Calls:
        """The calls that were made after `earlier` was taken."""
        by_name = Counter(self.by_name) - Counter(earlier.by_name)
        return Calls(self.read - earlier.read, self.write - earlier.write, dict(by_name))


class Connector(Protocol):
    """One connected CRM. Everything vendor-specific stays behind these questions."""

    @property
    def vendor(self) -> str:
        """`salesforce`, `hubspot` or `files`."""

    @property
    def calls(self) -> Calls:
        """The calls made so far."""

    def account(self) -> Account:
        """Who we are connected to; raises BadLogin or Retry."""

    def survey(self) -> Survey:
        """What cannot be read or is not mapped here, before anything is pulled."""

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        """What this run is asked for, stream by stream or interleaved; BadLogin, FixConfig and Incomplete fail the run.

        A kind that is refused (NoAccess, Retry) or out of quota becomes a Gap, and the others go on.
        """

    def stages(self) -> Sequence[Stage]:
        """Every stage that the CRM defines now."""

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the places of this deal must hold to show the annotation. Pure."""

    def ungated(self, annotation: Annotation) -> str | None:
        """Why the CRM's own gate cannot hold what the annotation refuses; None where it can or has none. Pure."""

    def beat(self, at: datetime) -> None:
        """Tell the CRM that a complete run ended at that instant, where it has a place for it."""

    def batch(self, deals: int) -> int:
        """How many of so many deals have their writes sent together: as many as one call, or one job, takes."""

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        """Fields by place that an undo may set back; the others tie a record of ours to its deal, and stay."""

    @property
    def gate(self) -> Mapping[str, Collection[str]]:
        """Fields by place by which the CRM itself refuses a stage; none where it cannot."""

    def halt(self) -> None:
        """End what an earlier process left to the CRM to write by itself, so that it cannot land after what is next."""

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the places of these deals hold now; a place that does not exist is left out, and so is a deal known
        to be deleted or merged away."""

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Carry the writes out and read them back; one receipt per write, in order."""

    def address(self, kind: str, record_id: str) -> str | None:
        """The address at which a person sees this record in the CRM."""


@runtime_checkable
class KnowsBypass(Protocol):
    """A connector to a CRM whose gate can be passed by whoever has something there, such as a permission."""

    def lacks_bypass(self, name: str) -> str | None:
        """Why the bypass of that name is none, with what to do; None where it is there."""


@runtime_checkable
class ReadsBetween(Protocol):
    """A connector that can also be read between two nights, as far as `Reading.reach` says."""

    def allowed(self) -> int | None:
        """How many calls the CRM allows us in 24 hours, by its last answer; None before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A person's move of a deal from one stage into the one in which it is now."""

    deal: str
    pipeline: str
    before: str
    after: str
    at: datetime  # by the CRM's clock
    also: Fields = field(default_factory=dict)  # what the CRM changed by itself with it, as that was before


@runtime_checkable
class MovesBack(Protocol):
    """A connector to a CRM that refuses no move, where a deal can be moved back after one (ruling 24)."""

    @property
    def moves_back(self) -> frozenset[str]:
        """The pipelines in which the admin asks for that."""

    def moves(self, deals: Sequence[str], *, within: timedelta) -> Mapping[str, Move]:
        """Those of the deals whose newest move a person made so lately; FixConfig where none may be moved back."""

    def move_back(self, move: Move) -> str | None:
        """Undo the move, and read it back; why it is not undone, in the CRM's words, or None."""

    def stage(self, deal: str) -> str | None:
        """The stage in which a deal is now, whoever moved it there; None where it is gone."""


class Gateless:
    """A connector whose CRM has neither a gate that reads a list of stages, nor a place for a heartbeat."""

    @property
    def gate(self) -> Mapping[str, Collection[str]]:
        """Nothing."""
        return {}

    def ungated(self, annotation: Annotation) -> str | None:
        """None: there is nothing to be held by."""
        return None

    def halt(self) -> None:
        """Nothing: a write is done when its call is answered."""

    def beat(self, at: datetime) -> None:
        """Nothing."""
