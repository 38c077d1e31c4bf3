"""The registry of recommendation sources: every source that the hybrid combines, in the order of its arrays."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from smart_retail.errors import UsageError
from smart_retail.recommenders import group_popularity, item_similarity, popularity, repurchase, sequence_model
from smart_retail.recommenders.base import COMPONENTS
from smart_retail.recommenders.source import Source

BUILT_IN: Final = (
    repurchase.SLOW_SOURCE,
    repurchase.FAST_SOURCE,
    item_similarity.ITEM_KNN_SOURCE,
    item_similarity.ITEM_KNN_TREND_SOURCE,
    item_similarity.EASE_SOURCE,
    item_similarity.EASE_TREND_SOURCE,
    group_popularity.CLUSTER_SOURCE,
    group_popularity.SEGMENT_SOURCE,
    popularity.POPULAR_SOURCE,
    popularity.TRENDING_SOURCE,
    item_similarity.CONTENT_SOURCE,
)
(
    SOURCE_REPURCHASE_SLOW,
    SOURCE_REPURCHASE_FAST,
    SOURCE_ITEM_KNN,
    SOURCE_ITEM_KNN_TREND,
    SOURCE_EASE,
    SOURCE_EASE_TREND,
    SOURCE_CLUSTER,
    SOURCE_SEGMENT,
    SOURCE_POPULAR,
    SOURCE_TRENDING,
    SOURCE_CONTENT,
) = range(len(BUILT_IN))
"""Rows of the built-in sources in the score arrays. The compiled loops of `training.kernels` use them as constants."""

OPTIONAL: Final = (sequence_model.SOURCE,)
"""Sources that a fit leaves out unless a setting asks for them; without their arrays they have no scores."""


class SourceRegistry:
    """Sources in a fixed order: the position of a source is its row in score arrays and weights.

    Parameters
    ----------
    sources : sequence of Source
        Built-in sources with compiled loops; others follow by `register`.
    optional : sequence of Source
        Built-in sources that only some models have.
    """

    def __init__(self, sources: Sequence[Source], optional: Sequence[Source] = ()) -> None:
        self._sources = [*sources, *optional]
        self._n_compiled = len(sources)
        self._n_built_in = len(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources)

    def __getitem__(self, position: int) -> Source:
        return self._sources[position]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(source.name for source in self._sources)

    @property
    def added(self) -> list[tuple[int, Source]]:
        """Position and source of those that are not built in."""
        return list(enumerate(self._sources))[self._n_built_in :]

    @property
    def optional(self) -> list[tuple[int, Source]]:
        """Position and source of the optional ones."""
        return list(enumerate(self._sources))[self._n_compiled : self._n_built_in]

    @property
    def uncompiled(self) -> list[tuple[int, Source]]:
        """Position and source of those that compiled loops leave to `Source.score`."""
        return list(enumerate(self._sources))[self._n_compiled :]

    def names_in(self, fitted: Collection[str]) -> tuple[str, ...]:
        """Return the names of the sources of a model with these optional sources."""
        left_out = {source.name for _, source in self.optional} - set(fitted)
        return tuple(name for name in self.names if name not in left_out)

    @property
    def components(self) -> tuple[str, ...]:
        """Components in the order of their columns in `Ranked`: the built-in ones, then those of added sources."""
        return tuple(dict.fromkeys((*COMPONENTS, *(source.component for source in self._sources))))

    @property
    def component_index(self) -> tuple[int, ...]:
        """Column of the component of each source."""
        columns = {component: column for column, component in enumerate(self.components)}
        return tuple(columns[source.component] for source in self._sources)

    def index(self, name: str) -> int:
        """Return the position of a source.

        Raises
        ------
        UsageError
            No source has this name.
        """
        names = self.names
        if name not in names:
            raise UsageError(f"There is no recommendation source {name!r}.", f"Sources: {', '.join(names)}.")
        return names.index(name)

    def of_component(self, component: int) -> Source:
        """Return the first source of a component, which defines the kind and the text of its reasons."""
        return self._sources[self.component_index.index(component)]

    def register(self, source: Source) -> None:
        """Add a source after the others. Register it before fitting, and before a bundle fitted with it is loaded.

        Raises
        ------
        UsageError
            The name is already registered.
        """
        if source.name in self.names:
            raise UsageError(f"The recommendation source {source.name!r} is already registered.", "Use another name.")
        self._sources.append(source)

    def unregister(self, name: str) -> None:
        """Remove an added source, for tests and notebooks."""
        position = self.index(name)
        if position < self._n_built_in:
            raise UsageError(f"The recommendation source {name!r} is built in.", "Give it the weight 0 instead.")
        del self._sources[position]


SOURCES: Final = SourceRegistry(BUILT_IN, OPTIONAL)
"""All sources. A data scientist adds a method by one line: ``SOURCES.register(my_module.SOURCE)``."""
