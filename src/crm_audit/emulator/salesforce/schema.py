"""The objects of an org, read from TOML: standard ones, the kit's, and what an admin adds or hides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from crm_audit.emulator.soql.schema import Entity, Field

SYSTEM = {
    "Id": "id 18 readonly always",
    "IsDeleted": "boolean readonly always",
    "CreatedDate": "datetime readonly always",
    "CreatedById": "reference to=User readonly always",
    "LastModifiedDate": "datetime readonly always",
    "LastModifiedById": "reference to=User readonly always",
    "SystemModstamp": "datetime readonly always",
}
OWNER = {"OwnerId": "reference to=User required always"}
CURRENCY = {"CurrencyIsoCode": "picklist 3"}
MULTI_CURRENCY: Mapping[str, Mapping[str, str]] = {
    "Organization": {"DefaultCurrencyIsoCode": "picklist 3"},
    "User": {"DefaultCurrencyIsoCode": "picklist 3"},
}
"""Fields that only an org with several currencies has, besides CurrencyIsoCode."""

_FLAGS: Mapping[str, Mapping[str, object]] = {
    "required": {"required": True},
    "readonly": {"createable": False, "updateable": False},
    "createonly": {"updateable": False},
    "long": {"filterable": False},
    "external": {"external": True},
    "unique": {"unique": True},
    "always": {"permissionable": False},
    "cascade": {"cascade": True},
    "checked": {"default": True},
}
_OBJECT_FLAGS = ("createable", "updateable", "deletable", "mergeable", "bin")


@cache
def definitions(name: str) -> Mapping[str, Any]:
    """A TOML file beside this module."""
    return tomllib.loads(files("crm_audit.emulator.salesforce").joinpath(f"{name}.toml").read_text(encoding="utf-8"))


class Schema:
    """The entities of one org: all of them, and as its integration user may see them."""

    def __init__(self, *, multi_currency: bool) -> None:
        self._multi_currency = multi_currency
        self._all: dict[str, Entity] = {}
        self._hidden: dict[str, set[str]] = {}
        self._locked: dict[str, set[str]] = {}
        self._visible: dict[str, Entity] = {}
        self._prefixes: dict[str, str] = {}
        self._custom = 0
        self.install(definitions("standard"))

    def install(self, objects: Mapping[str, Any]) -> None:
        """Add objects, and fields to objects that exist."""
        values = objects.get("values", {})
        for name, spec in objects.items():
            if name == "values" or (spec.get("multi_currency") and not self._multi_currency):
                continue
            fields = {
                field: replace(spell(field, text), values=tuple(values.get(f"{name}.{field}", ())))
                for field, text in self._specs(name, spec).items()
            }
            known = self._all.get(name)
            self._put(
                replace(known, fields={**known.fields, **fields}) if known else self._entity(name, spec, fields=fields)
            )

    def _specs(self, name: str, spec: Mapping[str, Any]) -> dict[str, str]:
        specs: dict[str, str] = {}
        if name not in self._all:
            specs |= {field: SYSTEM[field] for field in spec.get("system", SYSTEM)}
            specs |= OWNER if name.endswith("__c") else {}
        if self._multi_currency:
            specs |= (CURRENCY if spec.get("currency") else {}) | dict(MULTI_CURRENCY.get(name, {}))
        return {**specs, **spec.get("fields", {})}

    def _entity(self, name: str, spec: Mapping[str, Any], *, fields: Mapping[str, Field]) -> Entity:
        label = spec.get("label", _label(name))
        prefix = spec.get("prefix")
        if prefix is None:
            prefix, self._custom = f"a{self._custom:02d}", self._custom + 1
        return Entity(
            name=name,
            label=label,
            plural=spec.get("plural", f"{label}s"),
            prefix=prefix,
            fields=fields,
            filtered_by=tuple(spec.get("filtered_by", ())),
            **{flag: spec[flag] for flag in _OBJECT_FLAGS if flag in spec},
        )

    def _put(self, entity: Entity) -> None:
        self._all[entity.name] = entity
        self._prefixes[entity.prefix] = entity.name
        self._visible.clear()

    def whole(self, name: str) -> Entity:
        """An entity with all of its fields; raises KeyError."""
        return self._all[name]

    def knows(self, name: str) -> bool:
        """True if there is such an entity here."""
        return name in self._all

    def entities(self) -> Iterator[Entity]:
        """All entities with all of their fields."""
        yield from self._all.values()

    def of_record(self, record: str) -> Entity | None:
        """The entity that the key prefix of an id stands for."""
        return self._all.get(self._prefixes.get(record[:3], ""))

    def visible(self, name: str) -> Entity | None:
        """An entity as the integration user sees it, whatever the case of its name; None if it cannot."""
        if not self._visible:
            self._visible = {entity.name.lower(): self._seen(entity) for entity in self._readable()}
        return self._visible.get(name.lower())

    def _readable(self) -> Iterator[Entity]:
        return (entity for entity in self._all.values() if "" not in self._hidden.get(entity.name, ()))

    def _seen(self, entity: Entity) -> Entity:
        hidden, locked = self._hidden.get(entity.name, set()), self._locked.get(entity.name, set())
        fields = {
            name: replace(known, createable=False, updateable=False) if name in locked else known
            for name, known in entity.fields.items()
            if name not in hidden
        }
        return replace(entity, fields=fields)

    def hide(self, name: str, field: str | None) -> None:
        """Take a field, or with None the object, out of the integration user's sight; raises ValueError."""
        if field is not None and not self._all[name].fields[field].permissionable:
            raise ValueError(f"field-level security cannot hide {name}.{field}")
        self._hidden.setdefault(name, set()).add(field or "")
        self._visible.clear()

    def lock(self, name: str, field: str) -> None:
        """Let the integration user read a field but not write it."""
        self._locked.setdefault(name, set()).add(self._all[name].fields[field].name)
        self._visible.clear()


def spell(name: str, text: str) -> Field:
    """One field from its notation, which standard.toml explains."""
    kind, *words = text.split()
    made: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            made[{"to": "targets", "as": "relationship", "children": "children"}[key]] = value
        elif word in _FLAGS:
            made |= _FLAGS[word]
        else:
            made |= _size(kind, word)
    if "targets" in made:
        made = {"relationship": re.sub("Id$", "", name), **made, "targets": tuple(made["targets"].split(","))}
    if kind == "boolean":
        made.setdefault("default", False)
    return Field(name=name, type=kind, label=_label(name), **made)


def _size(kind: str, word: str) -> dict[str, int]:
    whole, _, scale = word.partition(".")
    if kind in ("currency", "double", "percent"):
        return {"precision": int(whole) + int(scale), "scale": int(scale)}
    return {"length": int(whole)}


def _label(name: str) -> str:
    if name.endswith("__c"):
        return name.removesuffix("__c").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
