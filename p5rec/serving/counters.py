"""Counts of requests and their seconds, as Prometheus reads them."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
NAME = "p5rec_request_seconds"


class Counters:
    """One histogram a route; names of routes only, never ids, so that their number stays small."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: Counter[tuple[str, str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self._statuses[method, route, status] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds
            buckets = self._buckets.setdefault(route, [0] * (len(BOUNDS) + 1))
            buckets[bisect_left(BOUNDS, seconds)] += 1

    def text(self, gauges: dict[str, float]) -> str:
        """All counts in the text format of Prometheus, and further values by name."""
        with self._lock:
            lines = ["# TYPE p5rec_requests_total counter"]
            for (method, route, status), count in sorted(self._statuses.items()):
                labels = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"p5rec_requests_total{{{labels}}} {count}")
            lines.append(f"# TYPE {NAME} histogram")
            for route, buckets in sorted(self._buckets.items()):
                lines += self._histogram(route, buckets)
        for name, value in gauges.items():
            lines += [f"# TYPE p5rec_{name} gauge", f"p5rec_{name} {value:g}"]
        return "\n".join(lines) + "\n"

    def _histogram(self, route: str, buckets: list[int]) -> list[str]:
        lines, below = [], 0
        for bound, count in zip([*map(str, BOUNDS), "+Inf"], buckets, strict=True):
            below += count
            lines.append(f'{NAME}_bucket{{route="{route}",le="{bound}"}} {below}')
        lines.append(f'{NAME}_sum{{route="{route}"}} {self._seconds[route]:.6f}')
        lines.append(f'{NAME}_count{{route="{route}"}} {below}')
        return lines


class Counted:
    """ASGI middleware that counts each answer."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self._app = app
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if route != "other" else "any"  # a client may make up methods without end
            self._counters.add(method, route.replace(":path}", "}"), status, time.perf_counter() - begin)
