"""What responders of a page are made of is checked before anything is trained."""

from typing import Any

import pytest

from p5rec.commands import page as pages
from p5rec.commands.folders import FOLDERS
from p5rec.core.errors import InputError

INTERNAL = {"answerer", "estimator", "scorer", "unaware"}


def faults(settings: list[str], **sections: Any) -> tuple[str, ...]:
    page = {"data": {"path": "x.csv", "source": "table"}, "model": {"ease": {}}, **sections}
    with pytest.raises(InputError) as caught:
        pages.read(page, settings)
    return caught.value.faults


@pytest.mark.parametrize(
    ("kind", "of", "sentence"),
    [
        ("blend", "[]", "'blend' takes 1 or more of the models and responders above it, found none"),
        ("stack", "[]", "'stack' takes 1 or more of the models and responders above it, found none"),
        ("fallback", "[]", "'fallback' takes 1 or more of the models and responders above it, found none"),
        ("rules", "['ease', 'itemknn']", "'rules' takes 1 of the models and responders above it, found 'ease', 'it"),
        ("unseen", "['ease', 'itemknn']", "'unseen' takes 1 of the models and responders above it, found 'ease', '"),
        ("nearest", "[]", "'nearest' takes 1 of the models and responders above it, found none"),
        ("blend", "['ease', 'ease']", "'ease' stands there 2 times; name it once"),
        ("blend", "3", "found 3, expected the name of a model or responder above it, or a list of them"),
        ("blend", "['ease', 3]", "found ['ease', 3], expected the name of a model or responder above it"),
    ],
)  # fmt: skip
def test_the_parts_of_a_responder_are_checked(kind: str, of: str, sentence: str):
    (fault,) = faults([f"responder.x={{kind='{kind}', of={of}}}"])
    assert fault.startswith(f"responder.x.of: {sentence}")


def test_all_that_is_wrong_with_a_responder_is_told():
    found = faults([], responder={"x": {"kind": "blnd", "of": 3}})
    assert [fault.split(":")[0] for fault in found] == ["responder.x.of", "responder.x"]


@pytest.mark.parametrize("kind", sorted(INTERNAL))
def test_internal_parts_are_refused_in_pages(kind: str):
    (fault,) = faults([f"responder.x={{kind='{kind}', of='ease'}}"])
    assert fault.startswith(f"responder.x: {kind!r} is an internal part that no page names; known are: average, blend")
    assert not any(f" {name}" in fault.split("known are:")[1] for name in INTERNAL)


def test_internal_parts_are_not_offered():
    assert {*FOLDERS["responder"].names()} - {*FOLDERS["responder"].offered()} == INTERNAL
    assert "known are: average, blend, fallback" in faults([], responder={"x": {"kind": "zzz", "of": "ease"}})[0]
    assert "e.g. name = 'average'" in faults([], responder={"x": {"kind": 3, "of": "ease"}})[0]


def test_a_modality_is_named_once():
    modalities = ["id", {"name": "id", "start": "pairs"}]
    assert faults([], items={"modalities": modalities}, users={"modalities": ["id", "id"]}) == (
        "items.modalities: 'id' stands there 2 times; name it once",
        "users.modalities: 'id' stands there 2 times; name it once",
    )
