"""The store: one LanceDB table that holds every memory once, to be searched by words, by meaning and by scope."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb import AsyncTable
from lancedb.index import FTS, Bitmap, BTree

from carrier.errors import CarrierError
from carrier.memory.allocator import give_back
from carrier.memory.disk import sync
from carrier.memory.filters import one_of, quoted, within
from carrier.memory.repair import incomplete, readable_table
from carrier.memory.view import Stored
from carrier.memory.waiting import Row, Vector, said, words
from carrier.types.memory import Memory, Scope

log = logging.getLogger(__name__)

INDICES: dict[str, Any] = {"id": BTree, "agent": Bitmap, "room": BTree, "entity": BTree, "said": FTS}
COMMITS = 64
NEW_ROWS = 250
"""Commits, and rows, after which the table is put in order: fragments and rows that no index knows make it slow."""
KEPT = timedelta(minutes=1)
"""How long old versions stay: a search may still read one. Each takes as much room as the table."""
ASKED = 64
"""Words of a question that are looked for."""

_LATER = {
    "trust": "'said'",
    "private": "false",
    # Of older facts nobody knows it.
    "confidence": "CAST(kind <> 'fact' AS DOUBLE)",
    "other": "''",
}
"""Columns that older tables have not, and what stands there then."""
_FIELDS = [field.name for field in fields(Memory) if field.name not in ("instead_of", "until")]
"""All but what may change, which the ledger knows."""


class Unstorable(CarrierError):
    """What a memory holds cannot be written, today or ever."""


def schema(size: int) -> pa.Schema:
    others = {"at": pa.int64(), "source_ids": pa.list_(pa.string()), "private": pa.bool_(), "confidence": pa.float64()}
    text = dict.fromkeys(_FIELDS, pa.string()) | others
    searched = {"said": pa.string(), "space": pa.string()}
    plain = [pa.field(name, kind, nullable=False) for name, kind in (text | searched).items()]
    return pa.schema([*plain, _vector(size)])


class LanceStore:
    """The table as one writer sees it: what it holds, and what it owes."""

    def __init__(self, table: AsyncTable, folder: Path, space: str, size: int):
        self._table, self._folder, self._space, self.size = table, folder, space, size
        self.stored = 0
        self.without_vector = 0
        self._commits = 0
        self._new_rows = 0

    @classmethod
    async def open(cls, folder: Path, space: str, size: int) -> "LanceStore":
        """Open, mend or make the table; an empty space asks for no vectors."""
        store = cls(await readable_table(folder, schema(size)), folder, space, size)
        await store._fit()
        await store._index()
        await store._count()
        await store._take_stock()
        return store

    @property
    def incomplete(self) -> bool:
        """Rows may be missing: the table is new, or an earlier version of it."""
        return incomplete(self._folder).exists()

    def complete(self) -> None:
        """What may have been missing is in the log now."""
        incomplete(self._folder).unlink(missing_ok=True)

    # --- writing: by one writer, one call after the other ----------------------------------------------

    async def add(self, rows: Sequence[Row]) -> None:
        """Write rows that are not there yet; raises Unstorable if one of them cannot be said in columns."""
        try:
            batch = await asyncio.to_thread(self._batch, rows)
        except (ValueError, OverflowError, TypeError) as error:
            raise Unstorable(str(error)) from error
        await self._table.add(batch)
        self.stored += len(rows)
        self.without_vector += sum(row.vector is None for row in rows)
        self._commits += 1
        self._new_rows += len(rows)

    async def set_vectors(self, vectors: Mapping[str, Vector]) -> None:
        """Give rows their vectors; those that are gone stay gone."""
        columns = {
            "id": pa.array(list(vectors), pa.string()),
            "vector": self._vectors(list(vectors.values())),
            "space": pa.array([self._space] * len(vectors), pa.string()),
        }
        batch = pa.table(columns)
        await self._table.merge_insert("id").when_matched_update_all().execute(batch)
        await self._count()
        self._commits += 1

    async def delete(self, ids: Collection[str]) -> None:
        await self._table.delete(one_of("id", ids))
        await self._count()
        self._commits += 1

    async def sync(self) -> None:
        """Return when all that was written is on the disk."""
        await asyncio.to_thread(sync, self._folder)

    @property
    def untidy(self) -> bool:
        # Rows outside the indices slow each search down; putting in order takes longer the more there is.
        return self._commits >= COMMITS or self._new_rows >= NEW_ROWS + self.stored // 40

    async def tidy(self) -> None:
        """Make few files of many, and fold what is new into the indices."""
        await self.sync()
        await self._table.optimize(cleanup_older_than=KEPT)
        await self.sync()
        await asyncio.to_thread(give_back)
        self._commits = self._new_rows = 0

    # --- reading ---------------------------------------------------------------------------------------

    async def known(self, ids: Collection[str]) -> set[str]:
        """Which of these are there."""
        if not ids:
            return set()
        found = await self._table.query().where(one_of("id", ids)).select(["id"]).to_arrow()
        return set(found["id"].to_pylist())

    async def count(self, scope: Scope) -> int:
        return await self._table.count_rows(within(scope))

    async def lines(self, scope: Scope) -> list[Stored]:
        """All that a scope holds, in no order."""
        return await self._rows(self._table.query().where(within(scope)))

    async def by_words(self, scope: Scope, text: str, most: int) -> dict[str, float]:
        """The ids that share words with a text, and how well they do."""
        found = await self._search(scope, text, most).select(["id", "_score"]).to_arrow()
        return dict(zip(found["id"].to_pylist(), found["_score"].to_pylist(), strict=True))

    async def nearest(self, scope: Scope, text: str, question: Vector | None, most: int) -> list[Stored]:
        """What a scope too large to be held has for a text: by its words, and by its meaning."""
        found = await self._rows(self._search(scope, text, most))
        if question is None:
            return found
        meant = self._table.query().nearest_to(np.asarray(question, np.float32)).distance_type("cosine")
        known = f"{within(scope)} AND space = {quoted(self._space)}"
        return found + await self._rows(meant.where(known).limit(most))

    async def lacking_vectors(self, most: int, skip: Collection[str]) -> list[Memory]:
        """Rows without a vector of this space."""
        lacking = f"space <> {quoted(self._space)}"
        if skip:
            lacking += f" AND NOT {one_of('id', skip)}"
        return [memory for memory, _ in await self._rows(self._table.query().where(lacking).limit(most))]

    # --- how it is made and kept -----------------------------------------------------------------------

    async def _fit(self) -> None:
        """Make room for what an older table does not hold, and for vectors of another length: the old ones are of no
        use any more."""
        there = await self._table.schema()
        if missing := {name: value for name, value in _LATER.items() if name not in there.names}:
            await self._table.add_columns(missing)
        if there.field("vector").type.list_size != self.size:
            await self._table.drop_columns(["vector"])
            await self._table.add_columns(_vector(self.size))
            await self._table.update({"space": ""})

    async def _index(self) -> None:
        """Make the indices that are missing, and all anew if one of them cannot be read."""
        there = {column for index in await self._table.list_indices() for column in index.columns}
        if there and not await self._indices_answer():
            there = set()
        for column, kind in INDICES.items():
            if column not in there:
                await self._table.create_index(column, config=kind(), replace=True)

    async def _indices_answer(self) -> bool:
        nowhere = Scope("", "nowhere", "nobody")
        try:
            await self.known(["none"])
            await self.count(nowhere)
            await self.by_words(nowhere, "nothing", 1)
        # As in repair: LanceDB has no error of its own for what it cannot read.
        except Exception as error:
            log.warning("memory: an index cannot be read, all are made anew: %s", error)
            return False
        return True

    async def _count(self) -> None:
        self.stored = await self._table.count_rows()
        self.without_vector = 0
        if self._space:
            self.without_vector = await self._table.count_rows(f"space <> {quoted(self._space)}")

    async def _take_stock(self) -> None:
        """What earlier runs left to be put in order."""
        stats: Any = await self._table.stats()
        self._commits = stats["fragment_stats"]["num_fragments"]
        indexed = await self._table.index_stats("said_idx")
        self._new_rows = indexed.num_unindexed_rows if indexed else 0

    def _search(self, scope: Scope, text: str, most: int) -> Any:
        asked = " ".join(words(text)[:ASKED])
        return self._table.query().nearest_to_text(asked, columns="said").where(within(scope)).limit(most)

    async def _rows(self, query: Any) -> list[Stored]:
        found = await query.select([*_FIELDS, "vector", "space"]).to_arrow()
        return await asyncio.to_thread(self._stored, found)

    def _stored(self, found: pa.Table) -> list[Stored]:
        columns = [found[name].to_pylist() for name in _FIELDS]
        vectors = found["vector"].combine_chunks()
        spaces = found["space"].to_pylist()
        # `flatten` leaves out the rows that have no vector.
        there = iter(vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.size))
        lines: list[Stored] = []
        for values, filled, space in zip(
            zip(*columns, strict=True), vectors.is_valid().to_pylist(), spaces, strict=True
        ):
            vector = next(there) if filled else None
            lines.append((_memory(values), vector if space == self._space else None))
        return lines

    def _batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        memories = [row.memory for row in rows]
        columns: dict[str, Any] = {name: [getattr(memory, name) for memory in memories] for name in _FIELDS}
        columns["said"] = [said(memory) for memory in memories]
        columns["space"] = [self._space if row.vector is not None else "" for row in rows]
        form = schema(self.size)
        arrays = {name: pa.array(values, form.field(name).type) for name, values in columns.items()}
        arrays["vector"] = self._vectors([row.vector for row in rows])
        return pa.record_batch([arrays[name] for name in form.names], schema=form)

    def _vectors(self, vectors: Sequence[Vector | None]) -> pa.Array:
        missing = np.array([vector is None for vector in vectors])
        filled = np.zeros((len(vectors), self.size), np.float32)
        for place, vector in enumerate(vectors):
            if vector is not None:
                filled[place] = vector
        return pa.FixedSizeListArray.from_arrays(pa.array(filled.ravel()), self.size, mask=pa.array(missing))


def _vector(size: int) -> pa.Field:
    return pa.field("vector", pa.list_(pa.float32(), size))


def _memory(values: tuple[Any, ...]) -> Memory:
    told: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
    # The same few names stand in thousands of lines.
    shared = {
        name: intern(told[name]) for name in ("agent", "room", "entity", "kind", "name", "revision", "trust", "other")
    }
    return Memory(**told | shared | {"source_ids": tuple(told["source_ids"])})
