"""Files as places: what is wrong is told with the line it stands in, and nothing written can hurt the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from crm_audit import yamls
from crm_audit.errors import BadPack


class Shelf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    height: Annotated[int, Field(ge=1)] = 1
    kind: str | None = Field(None, alias="from")
    topics: tuple[str, ...] = Field((), validation_alias=AliasChoices("topic", "topics"))


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadPack) as refused:
        yamls.read(path)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    return text.removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 0.10", {"a": "0.10"}),
        ("a: 1e5", {"a": "1e5"}),
        ("a: 2026-03-16", {"a": "2026-03-16"}),
        ("a: 2026-03-16T15:00:00Z", {"a": "2026-03-16T15:00:00Z"}),
        ("a: 12", {"a": 12}),
        ("a: true", {"a": True}),
        ("a: yes", {"a": "yes"}),
        ("a: ~", {"a": None}),
        ("a: '12'", {"a": "12"}),
        ("{3: 45}", {3: 45}),
        ("- [a, {b: c}]", [["a", {"b": "c"}]]),
        ("", None),
    ],
)
def test_scalars_are_read_as_they_are_written(tmp_path: Path, text: str, value: object) -> None:
    assert yamls.plain(yamls.read(written(tmp_path, text)).value) == value


def test_json_is_read_by_its_ending_and_keeps_decimals(tmp_path: Path) -> None:
    place = yamls.read(written(tmp_path, '{"a": 0.10, "b": [1, null]}', "a.json"))
    assert place.value == {"a": "0.10", "b": [1, None]}
    assert str(place.at("b").at(1)) == f"{tmp_path / 'a.json'}: b[1]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", ":3: expected ',' or ']', but got ':'"),
        ("a: 1\n\tb: 2\n", ":2: found character '\\t' that cannot start any token"),
        ("a: 1\nb: 2\na: 3\n", ':3: found duplicate key "a" with value "3" (original value: "1")'),
        ("a: &x [1]\nb: *x\n", ":2: aliases (*name) are not read; write the value out"),
        ("a: 1\n---\nb: 2\n", ":2: but found another document"),
        ("[" * 3000, ": nested too deeply to be read"),
    ],
    ids=["bracket", "tab", "twice", "alias", "documents", "deep"],
)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(written(tmp_path, text)) == told


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    rows = "\n".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    assert "aliases" in refusal(written(tmp_path, f"a: &a [1]\n{rows}\n"))


@pytest.mark.parametrize("text", ["a: \x00", f"a: {'9' * 6000}"], ids=["control", "digits"])
def test_what_the_reader_chokes_on_is_one_line(tmp_path: Path, text: str) -> None:
    assert refusal(written(tmp_path, text)).startswith(": not YAML: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,\n "b": }', ":2: not JSON: Expecting value"),
        ('{"a": 1, "a": 2}', ": the key 'a' stands twice"),
        ("[" * 200_000, ": nested too deeply to be read"),
    ],
    ids=["syntax", "twice", "deep"],
)
def test_what_is_no_json_is_refused(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(written(tmp_path, text, "a.json")) == told


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.yaml") == ": no such file"
    assert refusal(tmp_path).startswith(": cannot be read: ")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xe9")
    assert refusal(latin).startswith(": cannot be read: ")


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "#" * (yamls.LARGEST + 1))
    assert refusal(path) == ": larger than 1,000,000 characters; split it"


def test_places_know_their_lines(tmp_path: Path) -> None:
    place = yamls.read(written(tmp_path, "a:\n  - x\n  - {b: 1,\n     c: 2}\nd: 3\n"))
    assert place.at("a").at(0).line == 2
    assert place.at("a").at(1).at("c").line == 4
    assert place.at("d").line == 5
    assert [part.line for part in place.at("a").list("a")] == [2, 3]
    assert place.get("nothing").value is None


def filled(folder: Path, text: str) -> Shelf:
    return yamls.read(written(folder, text)).fill(Shelf, "the shelf", also=("note",))


def test_a_mapping_fills_a_model_and_leaves_what_others_read(tmp_path: Path) -> None:
    shelf = filled(tmp_path, "name: top\nheight: 3\nfrom: oak\ntopics: [a]\nnote: {any: thing}\n")
    assert (shelf.name, shelf.height, shelf.kind, shelf.topics) == ("top", 3, "oak", ("a",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: top\nheigth: 3\n", ":2: the shelf has no key 'heigth' (did you mean 'height'?)"),
        ("name: top\nxyz: 3\n", ":2: the shelf has no key 'xyz'; known are name, height, from, topic, topics, note"),
        ("name: top\nkind: oak\n", ":2: the shelf has no key 'kind'"),
        ("height: 3\n", ":1: the shelf: there is no 'name'"),
        ("name: top\nheight: tall\n", ":2: the shelf.height: Input should be a valid integer"),
        ("name: top\nheight: 0\n", ":2: the shelf.height: Input should be greater than or equal to 1"),
        ("name: top\ntopics:\n  - a\n  - 3\n", ":4: the shelf.topics: Input should be a valid string"),
        ("- name\n", ":1: the shelf must be a mapping of names to values, not a list"),
        ("3: name\n", ":1: the shelf has the key 3, which is not text; put it in quotes"),
        ("", ":1: the shelf must be a mapping of names to values, not nothing"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadPack) as refused:
        filled(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'a.yaml'}{told}")


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPack, match=r"a\.yaml:2: the rows must be a list, not 'x'"):
        yamls.read(written(tmp_path, "b: 1\na: x\n")).at("a").list("the rows")
