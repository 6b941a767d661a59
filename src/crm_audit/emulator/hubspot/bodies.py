"""Request bodies as HubSpot takes them: unknown keys are ignored, numbers pass for text."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, ValidationError, model_validator

from crm_audit.emulator.hubspot.refusals import Refusal, invalid
from crm_audit.emulator.server import Request


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Id(_Body):
    """One record asked for."""

    id: str


class BatchRead(_Body):
    """`batch/read` of records."""

    inputs: tuple[Id, ...]
    properties: tuple[str, ...] | None = None
    history: tuple[str, ...] = Field(default=(), validation_alias="propertiesWithHistory")


class LinksFrom(_Body):
    """One record whose associations are asked for, on from `after`."""

    id: str
    after: str | None = None


class LinkRead(_Body):
    """`batch/read` of associations."""

    inputs: tuple[LinksFrom, ...]


def _spelled(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


Spelled = Annotated[str, BeforeValidator(_spelled)]


class Type(_Body):
    """An association type named by its category and number."""

    category: str = Field(default="HUBSPOT_DEFINED", validation_alias="associationCategory")
    id: int = Field(validation_alias="associationTypeId")


class Types(RootModel[tuple[Type, ...]]):
    """The types of one association, as a whole."""


class Choice(_Body):
    """One option of an enumeration."""

    value: str
    label: str = ""


class Grouped(_Body):
    """A property group that is made."""

    name: str
    label: str


class Defined(_Body):
    """A property that is made."""

    name: str
    label: str
    type: str
    field_type: str = Field(validation_alias="fieldType")
    group: str = Field(validation_alias="groupName")
    options: tuple[Choice, ...] = ()


class Redefined(_Body):
    """What is changed of a property; options are the whole list."""

    label: str | None = None
    options: tuple[Choice, ...] | None = None


class LinkMade(_Body):
    """One association of a `batch/create`."""

    near: Id = Field(validation_alias="from")
    far: Id = Field(validation_alias="to")
    types: tuple[Type, ...]


class LinkCreate(_Body):
    """`batch/create` of associations."""

    inputs: tuple[LinkMade, ...]


class LinkGone(_Body):
    """All associations of one record that end."""

    near: Id = Field(validation_alias="from")
    far: tuple[Id, ...] = Field(validation_alias="to")


class LinkArchive(_Body):
    """`batch/archive` of associations."""

    inputs: tuple[LinkGone, ...]


class Change(_Body):
    """New values for one record; null and empty text both clear."""

    properties: dict[str, Spelled]


class Update(Change):
    """One record of a `batch/update`."""

    id: str


class LinkTo(_Body):
    """An association that a new record brings along."""

    far: Id = Field(validation_alias="to")
    types: tuple[Type, ...]


class Creation(Change):
    """A new record; in a batch where all have a trace id, one bad record refuses only itself."""

    associations: tuple[LinkTo, ...] = ()
    trace: str | None = Field(default=None, validation_alias="objectWriteTraceId")


class BatchCreate(_Body):
    """`batch/create`."""

    inputs: tuple[Creation, ...]


class BatchArchive(_Body):
    """`batch/archive`."""

    inputs: tuple[Id, ...]


class Merge(_Body):
    """Which record stays and which one goes into it."""

    primary: str = Field(validation_alias="primaryObjectId")
    merged: str = Field(validation_alias="objectIdToMerge")


class Erasure(_Body):
    """The record to delete for privacy, by its id or by an address."""

    id: str = Field(validation_alias="objectId")
    by: str | None = Field(default=None, validation_alias="idProperty")


class BatchUpdate(_Body):
    """`batch/update`."""

    inputs: tuple[Update, ...]


class Filter(_Body):
    """One condition of a search."""

    name: str = Field(validation_alias="propertyName")
    operator: str
    value: str | None = None
    high: str | None = Field(default=None, validation_alias="highValue")
    values: tuple[str, ...] = ()


class FilterGroup(_Body):
    """Conditions that must all hold."""

    filters: tuple[Filter, ...] = ()


class Sort(_Body):
    """The order of a search; a bare name is taken too, with a minus for the other way round."""

    name: str = Field(validation_alias="propertyName")
    direction: str = "ASCENDING"

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return {"propertyName": value.lstrip("-"), "direction": "DESCENDING" if value.startswith("-") else "ASCENDING"}


class Search(_Body):
    """A search; the groups are alternatives. Top-level `filters` are one more group, undocumented but taken."""

    groups: tuple[FilterGroup, ...] = Field(default=(), validation_alias="filterGroups")
    filters: tuple[Filter, ...] = ()
    sorts: tuple[Sort, ...] = ()
    properties: tuple[str, ...] | None = None
    limit: int = Field(default=10, ge=0)
    after: int = Field(default=0, ge=0)
    query: str | None = None


_B = TypeVar("_B", bound=BaseModel)


def parse(model: type[_B], request: Request) -> _B:
    """The body as a typed value; raises Refusal (400)."""
    try:
        return model.model_validate_json(request.body or b"null")
    except ValidationError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValidationError) -> Refusal:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return invalid(f"Invalid input JSON on line 1, column 1: Some required fields were not set: [{where}]")
    return invalid(f"Invalid input JSON on line 1, column 1: {where or 'the body'}: {first['msg']}")
