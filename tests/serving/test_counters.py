from __future__ import annotations

import httpx

from p5rec.serving.counters import Counters


def test_a_histogram_counts_what_is_at_most_its_bound() -> None:
    counters = Counters()
    for seconds in (0.0005, 0.001, 0.02, 99.0):
        counters.add("GET", "/x", 200, seconds)
    counters.add("GET", "/x", 422, 0.02)
    lines = counters.text({"ready": 1}).splitlines()
    assert 'p5rec_requests_total{method="GET",route="/x",status="200"} 4' in lines
    assert 'p5rec_requests_total{method="GET",route="/x",status="422"} 1' in lines
    assert 'p5rec_request_seconds_bucket{route="/x",le="0.001"} 2' in lines
    assert 'p5rec_request_seconds_bucket{route="/x",le="0.025"} 4' in lines
    assert 'p5rec_request_seconds_bucket{route="/x",le="+Inf"} 5' in lines
    assert 'p5rec_request_seconds_count{route="/x"} 5' in lines
    assert 'p5rec_request_seconds_sum{route="/x"} 99.041500' in lines
    assert "p5rec_ready 1" in lines


def test_requests_are_counted_by_route_without_ids(client: httpx.Client) -> None:
    for user in ("private", "a/b"):
        client.get(f"/users/{user}/recommendations")
    client.post("/events", json={})
    client.get("/made/up")
    client.request("FROB", "/made/up")
    told = client.get("/metrics").text
    assert 'p5rec_requests_total{method="GET",route="/users/{user_id}/recommendations",status="200"} 2' in told
    assert 'p5rec_requests_total{method="POST",route="/events",status="422"} 1' in told
    assert 'p5rec_requests_total{method="any",route="other",status="404"} 2' in told
    assert "private" not in told
