"""Async twins: the same answers, and an event loop that goes on."""

import asyncio
import inspect
import threading

import lexivec
from lexivec.aio import AsyncCollection, AsyncReader

from conftest import PAPERS


def test_every_read_and_write_has_a_twin():
    public = lambda kind: {name for name, one in inspect.getmembers(kind, callable) if not name.startswith("_")}
    lack = public(lexivec.Collection) - public(AsyncCollection)
    # These do not wait for anything.
    assert lack == {"cancel_compaction", "damage", "profiles", "synonyms"}
    assert public(lexivec.Reader) == public(AsyncReader)
    assert inspect.signature(AsyncCollection.search) == inspect.signature(lexivec.Collection.search)


def test_every_function_that_waits_has_a_twin():
    functions = {name for name in lexivec.__all__ if inspect.isfunction(getattr(lexivec, name))}
    # These do not wait for anything.
    assert {name for name in functions if not hasattr(lexivec.aio, name)} == {"field", "request"}


async def test_a_directory_of_collections_has_twins(tmp_path):
    async with await lexivec.aio.database(tmp_path / "shelves") as shelves:
        async with await shelves.create("papers", dim=2) as papers:
            await papers.upsert(PAPERS)
            await papers.export(tmp_path / "papers.lxv")
        assert await shelves.names() == ["papers"]
        assert await (await shelves.get("papers")).count() == 3
        await shelves.drop("papers")
        assert await shelves.names() == []
    await lexivec.aio.import_collection(tmp_path / "papers.lxv", tmp_path / "again")
    assert (await lexivec.aio.verify(tmp_path / "again"))["sound"]


async def test_twins_answer_like_the_others(tmp_path):
    async with await lexivec.aio.create(tmp_path / "c", dim=2) as made:
        await made.upsert(PAPERS)
        assert (await made.search("wing")).ids() == ["lift", "wake"]
        assert [row.id async for row in made.scan()] == ["heat", "lift", "wake"]
        assert [page.ids() async for page in (await made.cursor("wing")).pages(1)] == [["lift"], ["wake"]]
        view = await made.searcher()
        await made.delete("lift")
        assert (await view.count(), await made.count()) == (3, 2)
    async with await lexivec.aio.open_read_only(tmp_path / "c") as again:
        assert (await again.get("heat")).id == "heat"


async def test_the_event_loop_goes_on_while_a_model_works():
    entered, leave = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(texts):
        if "a text" in texts:
            loop.call_soon_threadsafe(entered.set)
            assert leave.wait(30)
        return [[1.0, 0.0]] * len(texts)

    made = lexivec.in_memory(embedder=lexivec.Embedder(slow, dim=2)).aio
    write = asyncio.create_task(made.upsert({"id": "a", "text": "a text"}))
    # Only a loop that is not blocked comes here while the model waits.
    await asyncio.wait_for(entered.wait(), 30)
    assert not write.done()
    leave.set()
    assert (await write)["written"] == 1
