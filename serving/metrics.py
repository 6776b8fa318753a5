"""What Prometheus is told: requests, how long they took, degraded answers, and events taken in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The counters of one app, in a registry of their own so that two apps in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.of_the_market = CollectorRegistry()  # what only who may see the market's figures is told
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "soko_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "soko_request_seconds", "Time to answer a request.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.degraded = Counter(
            "soko_degraded_answers", "Answers that say they are degraded.", ["kind"], registry=self.registry
        )
        self.events = Counter("soko_events", "New interactions and leads.", ["kind"], registry=self.registry)
        self.erased = Counter(
            "soko_events_of_erased", "Events dropped since their person was erased.", ["kind"], registry=self.registry
        )
        self.starts = Counter("soko_chats", "Chats begun by a link, by fate.", ["fate"], registry=self.registry)
        self.recommended = Counter(
            "soko_recommendation_answers", "Lists given, fresh or kept.", ["made"], registry=self.registry
        )
        self.exposed = Counter(
            "soko_exposed_answers", "Lists recorded as shown, or lost.", ["fate"], registry=self.registry
        )
        self.model_served = Gauge(
            "soko_model_served", "1 when the model that answers is the one that is published.", registry=self.registry
        )
        self.encoder_ready = Gauge(
            "soko_encoder_ready", "1 when photos and words can be turned into vectors.", registry=self.registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:  # looking them up by labels takes longer than counting
            count = self.requests.labels(method, route, str(status))
            children = self._children[key] = (count, self.seconds.labels(route))
        children[0].inc()
        children[1].observe(seconds)

    def text(self, *, with_market: bool) -> bytes:
        """Every metric in Prometheus' text format, the market's figures only if they are wanted."""
        own = generate_latest(self.registry)
        return own + generate_latest(self.of_the_market) if with_market else own
