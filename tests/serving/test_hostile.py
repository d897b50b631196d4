"""Bodies that nobody thought of: never a fault of ours, always JSON."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = ["user_id", "item_id", "event_id", "time", "kind", "label", "history", "k", "candidates", "exclude", "reasons"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["i1", "i2", "u1", "event", "", "\ud800", "\x00", 10**400, -(10**30), 1e308])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)
IDS = st.sampled_from(["i1", "i2", "u1", "nobody", "\ud800", ""]) | st.text(max_size=5)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "user_id": IDS,
        "item_id": IDS,
        "event_id": IDS,
        "time": st.none() | st.floats() | st.integers(),
        "label": st.none() | st.floats() | st.integers(),
        "kind": st.sampled_from(["event", "other", ""]),
        "k": st.integers(-1, 30),
        "history": st.lists(IDS, max_size=4),
        "candidates": st.none() | st.lists(IDS, max_size=4),
        "exclude": st.lists(IDS, max_size=4),
        "reasons": st.booleans(),
    },
)
often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("path", ["/events", "/recommendations", "/items"])
@given(body=VALUES | NEARLY | st.lists(NEARLY, max_size=3))
@often
def test_no_body_breaks_the_service(shared: httpx.Client, path: str, body: Any) -> None:
    content = json.dumps(body).encode()
    answer = shared.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422), (body, answer.text)
    told = answer.json()
    if answer.status_code == 422:
        assert list(told) == ["detail"]
        assert told["detail"]
        assert "\n" not in told["detail"]


@given(raw=st.binary(max_size=40), kind=st.sampled_from(["application/json", "text/plain", "a/b; c", ""]))
@often
def test_no_bytes_break_the_service(shared: httpx.Client, raw: bytes, kind: str) -> None:
    answer = shared.post("/events", content=raw, headers={"content-type": kind})
    assert answer.status_code == 422
    assert answer.json()["detail"]


@given(raw=st.binary(min_size=1, max_size=30), k=st.text("0123456789-+.eab ", max_size=5))
@often
def test_no_path_breaks_the_service(shared: httpx.Client, raw: bytes, k: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in raw)
    for path in (f"/users/{quoted}/recommendations", f"/items/{quoted}/similar"):
        answer = shared.get(path, params={"k": k})
        assert answer.status_code in (200, 404, 422), answer.text
        answer.json()
