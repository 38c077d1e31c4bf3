"""A published bundle that answers: the protocol of `protocol.RetailEngine` in this process.

Opening maps files and checks the manifest; nothing of TensorFlow, scikit-learn, LightGBM or pandas
is imported, and nothing is unpickled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_retail.bundle.reader import Bundle
from smart_retail.errors import RetailError
from smart_retail.events import RecentEvents, open_events
from smart_retail.protocol import ALL, DEFAULT_METHOD, METHODS, check_method, check_page
from smart_retail.results import (
    Cluster,
    ClusterPoint,
    CustomerMatch,
    CustomerProfile,
    GridCell,
    Item,
    ModelInfo,
    RecommendationList,
    Segment,
)
from smart_retail.serving.bundle_tables import BundleTables
from smart_retail.serving.business_rules import Rules, RulesFile, rules_path
from smart_retail.serving.customers import CustomerLookup, CustomerState, to_shoppers
from smart_retail.serving.list_ranking import ListRanker, RankingRequest, RankingResult, open_ranker
from smart_retail.serving.profiles import profile
from smart_retail.serving.responses import build_response, combine_methods

CHUNK = 256


class Engine:
    """Answers of one bundle. Make one with `Engine.load`.

    An engine never changes: a new bundle is served by a new engine. It may be used by many threads.
    """

    is_local = True

    def __init__(self, bundle: Bundle, rules: Path | None = None) -> None:
        self.bundle = bundle
        self._opened = object()
        self.store = BundleTables(bundle)
        self.people = CustomerLookup(
            self.store, RecentEvents(open_events(self.artifacts), bundle.manifest["events_through"])
        )
        self._rules_file = RulesFile(rules, self.store.items, self.store.names["categories"], self.store.catalogue)

    @classmethod
    def load(
        cls,
        artifacts: str | os.PathLike[str] = "artifacts",
        *,
        rules: str | os.PathLike[str] | None = None,
        version: str | None = None,
    ) -> Engine:
        """Open the active bundle of an artifacts folder.

        Parameters
        ----------
        artifacts : path
            The folder that `fit` publishes to.
        rules : path, optional
            The rules file; default ``rules.toml`` in the folder, where there is one.
        version : str, optional
            A version id instead of the active one.

        Raises
        ------
        ArtifactError
            The bundle is missing, damaged or of another format.
        SettingsError
            The rules cannot be read.
        """
        return cls(Bundle.open(artifacts, version), rules_path(artifacts, rules))

    @property
    def rules_error(self) -> RetailError | None:
        """What is wrong with a rules file that changed after the start; the rules before it hold on."""
        return self._rules_file.error

    @property
    def version(self) -> str:
        return self.bundle.version

    def state_of(self, customer_id: str | None = None) -> tuple[object, str, int]:
        """What an answer rests on, for one customer or for nobody: in equal states a call answers alike."""
        newest = 0 if customer_id is None else self.people.newest(customer_id)
        return self._opened, self._rules_file.current().digest, newest

    def recommend(
        self,
        customer_id: str,
        method: str = DEFAULT_METHOD,
        n: int = 10,
        *,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> RecommendationList:
        """The best items for a customer; an unknown one gets popularity and ``known=False``."""
        found = self._recommend([customer_id], method, n, offset, exclude_purchased, categories, explain)
        return next(found)

    def recommend_many(
        self,
        customer_ids: Sequence[str],
        method: str = DEFAULT_METHOD,
        n: int = 10,
        *,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> list[RecommendationList]:
        """`recommend` for several customers, in their order."""
        return [
            answer
            for start in range(0, len(customer_ids), CHUNK)
            for answer in self._recommend(
                customer_ids[start : start + CHUNK], method, n, 0, exclude_purchased, categories, explain
            )
        ]

    def recommend_for_basket(
        self,
        item_ids: Sequence[str],
        n: int = 10,
        *,
        method: str = DEFAULT_METHOD,
        offset: int = 0,
        exclude_purchased: bool = True,
        categories: Sequence[str] | None = None,
        explain: bool = True,
    ) -> RecommendationList:
        """For a visitor without history whose basket holds these items; unknown items count as none."""
        check_page(n, offset)
        rules = self._rules(categories)
        visitor = self._visitor(self.store.items.codes(item_ids))

        def one(method: str) -> RecommendationList:
            ask = RankingRequest(method, exclude_purchased, offset + n, rules)
            answer = next(self._ranker.live(ask, to_shoppers([visitor]), [visitor.seen_items()]))
            return build_response(self.store, self.version, None, ask, answer, offset, visitor, explain)

        return combine_methods(check_method(method), one)

    def similar_items(
        self, item_id: str, n: int = 10, *, offset: int = 0, categories: Sequence[str] | None = None
    ) -> RecommendationList:
        """What goes with an item; by content where nobody bought it. `UnknownItemError` names near matches."""
        check_page(n, offset)
        code = self.store.item_code(item_id)
        ask = RankingRequest("similar", False, offset + n, self._rules(categories))
        own = np.array([code], dtype=np.int32)  # a pin would else stand in its own list
        answer = self._ranker.rank_unpersonalized(self._ranker.model.similar(code), ask, own)
        return build_response(
            self.store,
            self.version,
            None,
            ask,
            answer,
            offset,
            self._visitor(own),
            explain=True,
        )

    def popular(self, n: int = 10, *, offset: int = 0, category: str | None = None) -> RecommendationList:
        """The most wanted items, overall or of one category."""
        check_page(n, offset)
        rules = self._rules(None if category is None else [category])
        code = None if category is None else self.store.names["categories"].index(category)
        ask = RankingRequest("popular", False, offset + n, rules)
        answer = self._ranker.rank_unpersonalized(self._ranker.model.popular(code), ask)
        return build_response(
            self.store, self.version, None, ask, answer, offset, self.people.visitor(self.store.nobody), explain=True
        )

    def customer(self, customer_id: str) -> CustomerProfile:
        """Profile; ``known=False`` for an unknown id."""
        person = self.people.resolve(customer_id)
        return profile(self.store, customer_id, person, self.people.rfm(person))

    @property
    def artifacts(self) -> Path:
        """The folder that the bundle lies in; live purchases and erasures belong there too."""
        return self.bundle.folder.parents[1]

    def customer_ids(self) -> Iterator[str]:
        """Every known customer, in id order."""
        return iter(self.store.customers.ids)

    def search_customers(self, text: str, n: int = 20) -> list[CustomerMatch]:
        """Customers whose id or name holds `text`, case ignored: ids that begin with it first."""
        check_page(n)
        return self.store.search_customers(text, n)

    def search_items(self, text: str, n: int = 20) -> list[Item]:
        """Items whose id or name holds `text`, case ignored: ids that begin with it first."""
        check_page(n)
        return self.store.search_items(text, n)

    def categories(self) -> list[str]:
        """Names of the categories, sorted; empty where the source has none."""
        return list(self.store.names["categories"])

    def segments(self) -> list[Segment]:
        """RFM segments that have customers, best first."""
        return self.bundle.decode_json("segments", lambda found: [Segment.from_dict(d) for d in found])

    def clusters(self) -> list[Cluster]:
        """Clusters, by id."""
        return self.bundle.decode_json("clusters", lambda found: [Cluster.from_dict(d) for d in found])

    def rfm_grid(self) -> list[GridCell]:
        """All 25 cells, r then f descending."""
        return self.bundle.decode_json("grid", lambda found: [GridCell.from_dict(d) for d in found])

    def cluster_points(self, limit: int = 5000) -> list[ClusterPoint]:
        """An evenly spread choice of at most `limit` customers in the latent space."""
        return self.store.cluster_points(limit)

    def model(self) -> ModelInfo:
        """Version, period, cleaning report, scorecard, settings."""
        manifest = self.bundle.manifest
        names = ("fitted_at", "engine_version", "cleaning", "settings", "scorecard")
        facts = {name: manifest[name] for name in names}
        facts |= {"version": self.version, "rules": self._rules(None).digest}
        return self.bundle.decode_json("model", lambda found: ModelInfo.from_dict(found | facts))

    def method_names(self) -> tuple[str, ...]:
        """The methods `recommend` takes, ``all`` last."""
        return (*METHODS, ALL)

    def open_all(self) -> None:
        """Open at once what is opened on demand: for a server, whose first answers shall be as quick as all."""
        self._ranker.open_all()

    @cached_property
    def _ranker(self) -> ListRanker:
        return open_ranker(self.bundle, self.store.catalogue)

    def _recommend(
        self,
        ids: Sequence[str],
        method: str,
        n: int,
        offset: int,
        exclude: bool,
        categories: Sequence[str] | None,
        explain: bool,
    ) -> Iterator[RecommendationList]:
        check_method(method)
        check_page(n, offset)
        rules = self._rules(categories)
        people = [self.people.resolve(i) for i in ids]

        def lists(method: str) -> list[RecommendationList]:
            ask = RankingRequest(method, exclude, offset + n, rules)
            answers = self._answers(ask, people)
            return [
                build_response(self.store, self.version, customer_id, ask, answer, offset, person, explain)
                for customer_id, answer, person in zip(ids, answers, people, strict=True)
            ]

        if method != ALL:
            yield from lists(method)
            return
        columns = {name: lists(name) for name in METHODS}
        for i in range(len(ids)):
            yield combine_methods(ALL, {name: column[i] for name, column in columns.items()}.__getitem__)

    def _answers(self, ask: RankingRequest, people: Sequence[CustomerState]) -> list[RankingResult]:
        """Pre-calculated where possible, live in one call for the rest."""
        found: dict[int, RankingResult] = {}
        for i, person in enumerate(people):
            if person.code >= 0 and not person.live:
                answer = self._ranker.cached(ask, person.code, person.seen_items)
                if answer is not None:
                    found[i] = answer
        rest = [i for i in range(len(people)) if i not in found]
        if rest:
            hidden = [people[i].seen_items() for i in rest]
            found.update(zip(rest, self._ranker.live(ask, to_shoppers([people[i] for i in rest]), hidden), strict=True))
        return [found[i] for i in range(len(people))]

    def _visitor(self, items: NDArray[np.int32]) -> CustomerState:
        return self.people.visitor(self.store.basket(items))

    def _rules(self, categories: Sequence[str] | None) -> Rules:
        return self._rules_file.current().within(categories, self.store.names["categories"], self.store.catalogue)
