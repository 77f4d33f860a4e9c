"""Streams: everything is sent once and in order, and whoever is too many, too slow or not wanted any more goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from controller.delivery.plane import FLAGS, STREAM, Delivery
from controller.settings import Settings
from controller.store.keys import KeyKind
from tests.controller.api.world import PROJECT, World

PATIENCE_S = 20.0
Told = dict[str, Any]


class Listener:
    """A client of a stream, which reads when it is told to."""

    def __init__(
        self, delivery: Delivery, path: str, key: str, query: str = "", *, method: str = "GET", **headers: str
    ) -> None:
        given = {"authorization": f"Bearer {key}", "accept": "text/event-stream"} if key else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        self.sent: asyncio.Queue[Told] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()
        self.task = asyncio.create_task(delivery(scope, self._receive, self._send))
        self._text = ""

    async def _receive(self) -> Told:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        await self.sent.put(dict(message))

    async def message(self) -> Told:
        return await asyncio.wait_for(self.sent.get(), PATIENCE_S)

    async def status(self) -> int:
        self.begun = await self.message()
        return int(self.begun["status"])

    async def block(self) -> Told:
        """The next event, comment or hint, as its fields."""
        while "\n\n" not in self._text:
            self._text += (await self.message())["body"].decode()
        block, _, self._text = self._text.partition("\n\n")
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return {**fields, "data": json.loads(fields["data"])} if "data" in fields else fields

    async def event(self) -> Told:
        while "event" not in (found := await self.block()):
            pass
        return found

    async def ended(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(self.task, PATIENCE_S)


Scene = Callable[[Delivery], Coroutine[Any, Any, None]]


def play(world: World, scene: Scene, **settings: Any) -> Delivery:
    """Play a scene with a delivery plane that is running."""
    parts = world.parts
    chosen: Settings = replace(parts.settings, **settings)
    delivery = Delivery(chosen, parts.database, parts.snapshots, parts.now)

    async def run() -> None:
        delivery.refresher.look()
        delivery.start()
        try:
            await asyncio.wait_for(scene(delivery), 3 * PATIENCE_S)
        finally:
            delivery.stop()
            delivery.refresher.join(PATIENCE_S)

    asyncio.run(run())
    return delivery


async def move(world: World, name: str, **content: Any) -> None:
    await asyncio.to_thread(world.move, name, **content)


def test_the_document_comes_first_and_then_what_has_changed(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, STREAM, world.server_key)
        assert await client.status() == 200
        headers = dict(client.begun["headers"])
        assert headers[b"content-type"] == b"text/event-stream"
        assert headers[b"cache-control"] == b"no-store"
        assert int((await client.block())["retry"]) >= 1000
        put = await client.block()
        assert await client.block() == {"": "heartbeat"}
        document = await asyncio.to_thread(world.flags)
        assert (put["event"], put["data"]) == ("put", document)
        assert put["id"].startswith(f"{document['metadata']['revision']}-")
        await move(world, "disable")
        patch = await client.event()
        assert (patch["event"], patch["data"]["from"]) == ("patch", put["id"])
        assert patch["data"]["revision"] == document["metadata"]["revision"] + 1
        assert patch["data"]["metadata"]["revision"] == patch["data"]["revision"]
        newest = await asyncio.to_thread(world.flags)
        assert document["flags"] | patch["data"]["set"] == newest["flags"]
        client.left.set()
        await client.ended()
        assert len(delivery.streams) == 0

    play(world, scene)


def test_who_asks_for_the_head_of_a_stream_gets_no_more(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, STREAM, world.server_key, method="HEAD")
        assert await client.status() == 200
        assert await client.message() == {"type": "http.response.body", "body": b""}
        await client.ended()
        assert len(delivery.streams) == 0

    play(world, scene)


def test_whoever_comes_back_goes_on_from_what_he_has(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        first = Listener(delivery, STREAM, world.server_key)
        await first.status()
        put = await first.event()
        current = Listener(delivery, STREAM, world.server_key, last_event_id=put["id"])
        await current.status()
        assert "retry" in await current.block()
        assert await current.block() == {"": "heartbeat"}
        await move(world, "review")
        assert (await current.event())["data"]["from"] == put["id"]
        late = Listener(delivery, STREAM, world.server_key, last_event_id=f'"{put["id"]}"')
        await late.status()
        assert (await late.event())["event"] == "patch"
        unknown = Listener(delivery, STREAM, world.server_key, last_event_id="3-nonsense")
        await unknown.status()
        assert (await unknown.event())["event"] == "put"

    play(world, scene)


def test_a_quiet_stream_shows_that_it_lives_and_ends_in_time(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, STREAM, world.server_key)
        await client.status()
        await client.event()
        assert await client.block() == {"": "heartbeat"}
        await client.ended()

    play(world, scene, stream_heartbeat_s=0.02, stream_max_age_s=0.3)


def test_a_heartbeat_says_how_old_flags_are_that_nobody_confirms_any_more(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, STREAM, world.server_key)
        await client.status()
        await client.event()
        assert await client.block() == {"": "heartbeat"}
        delivery.refresher.stop()
        await asyncio.to_thread(delivery.refresher.join, PATIENCE_S)
        delivery.memory._looked_at -= 100
        while (said := (await client.block())[""]) == "heartbeat":
            pass
        assert said in ("heartbeat age=100", "heartbeat age=101")

    play(world, scene, stream_heartbeat_s=0.02)


def test_a_key_that_is_revoked_ends_its_streams_and_no_others(world: World) -> None:
    made = world.api.ok("POST", f"{PROJECT}/keys", {"kind": "server", "name": "x", "environment": "staging"})

    async def scene(delivery: Delivery) -> None:
        doomed, other = (Listener(delivery, STREAM, key) for key in (made["text"], world.server_key))
        for client in (doomed, other):
            assert await client.status() == 200
            await client.event()
        await asyncio.to_thread(world.api.ok, "DELETE", f"{PROJECT}/keys/{made['id']}")
        await doomed.ended()
        assert len(delivery.streams) == 1
        again = Listener(delivery, STREAM, made["text"])
        assert await again.status() == 401
        assert not other.task.done()

    play(world, scene)


def test_there_are_only_so_many_streams_of_a_process_and_of_a_key(world: World) -> None:
    key = world.environment_key()

    async def refused(delivery: Delivery, text: str) -> None:
        client = Listener(delivery, STREAM, text)
        assert await client.status() == 503
        assert dict(client.begun["headers"])[b"retry-after"].isdigit()
        content = json.loads((await client.message())["body"])
        assert (content["code"], content["errors"][0]["field"]) == ("too_many_streams", "stream")

    async def scene(delivery: Delivery) -> None:
        opened = [Listener(delivery, STREAM, world.server_key) for _ in range(2)]
        assert [await client.status() for client in opened] == [200, 200]
        await refused(delivery, world.server_key)
        third = Listener(delivery, STREAM, key)
        assert await third.status() == 200
        await refused(delivery, key)
        third.left.set()
        await third.ended()
        assert await Listener(delivery, STREAM, key).status() == 200

    play(world, scene, streams=3, streams_per_key=2)


def test_a_reader_that_is_too_slow_is_let_go_and_keeps_nobody_waiting(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        slow, quick = (Listener(delivery, STREAM, world.server_key) for _ in range(2))
        for client in (slow, quick):
            await client.status()
            await client.event()
        slow.reads.clear()
        for number in range(20):
            await move(world, ("review", "hold")[number % 2] if number < 2 else "narrow", **_share(number))
            await quick.event()
        await slow.ended()
        assert len(delivery.streams) == 1

    play(world, scene)


def _share(number: int) -> dict[str, Any]:
    return {} if number < 2 else {"exposure": {"share": 9000 - number, "autonomy": "draft"}}


def test_a_process_that_stops_ends_its_streams_and_takes_no_more(world: World) -> None:
    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, STREAM, world.server_key)
        await client.status()
        delivery.stop()
        await client.ended()
        assert await Listener(delivery, STREAM, world.server_key).status() == 503

    play(world, scene)


@pytest.mark.parametrize("kind", [KeyKind.ADMIN, KeyKind.CLIENT])
def test_rules_are_streamed_to_servers_alone(world: World, kind: KeyKind) -> None:
    text = world.api.key if kind is KeyKind.ADMIN else world.environment_key(kind=kind)

    async def scene(delivery: Delivery) -> None:
        assert await Listener(delivery, STREAM, text).status() == 403
        assert await Listener(delivery, STREAM, "nothing").status() == 401

    play(world, scene)


async def ask(delivery: Delivery, path: str, key: str, **headers: str) -> int:
    return await Listener(delivery, path, key, **headers).status()


def test_nobody_is_shown_anything_older_than_what_he_has(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from controller.store.database import Database, DatabaseUnavailable

    def away(_database: Database) -> object:
        raise DatabaseUnavailable("OperationalError")

    async def scene(delivery: Delivery) -> None:
        revision = (await asyncio.to_thread(world.flags))["metadata"]["revision"]
        newer = f'"{revision + 1}-0123456789abcdef"'
        # The database says that there is nothing newer: it has been restored, and what it has is the truth.
        assert await ask(delivery, FLAGS, world.server_key, if_none_match=newer) == 200
        with monkeypatch.context() as patch:
            patch.setattr(Database, "read", away)
            assert await ask(delivery, FLAGS, world.server_key) == 200
            assert await ask(delivery, FLAGS, world.server_key, if_none_match=newer) == 503
            assert await ask(delivery, STREAM, world.server_key, last_event_id=newer) == 503

    play(world, scene)


def test_an_ofrep_client_is_told_that_something_has_changed(world: World) -> None:
    asked = world.ask("POST", "/ofrep/v1/evaluate/flags", json={"context": {"targetingKey": "u"}}).get_json()
    [stream] = asked["eventStreams"]
    path, _, query = stream["endpoint"]["requestUri"].partition("?")
    assert (stream["type"], stream["inactivityDelaySec"]) == ("sse", 120)

    async def scene(delivery: Delivery) -> None:
        client = Listener(delivery, path, "", query)
        assert await client.status() == 200
        first = await client.event()
        assert (first["event"], first["data"]["type"]) == ("message", "refetchEvaluation")
        await move(world, "disable")
        second = await client.event()
        assert second["data"]["etag"] == second["id"] != first["id"]
        assert isinstance(second["data"]["lastModified"], int)
        current = Listener(delivery, path, "", query, last_event_id=second["id"])
        await current.status()
        assert "retry" in await current.block()
        assert await current.block() == {"": "heartbeat"}
        for wrong in ("ticket=x", "ticket=a.b.c", query[:-1] + ("0" if query[-1] != "0" else "1"), ""):
            assert await Listener(delivery, path, "", wrong).status() == 401, wrong

    play(world, scene)


def test_a_process_is_asked_nothing_before_it_has_flags(world: World) -> None:
    parts = world.parts
    delivery = Delivery(parts.settings, parts.database, parts.snapshots, parts.now)
    words = ["lifespan.startup", "lifespan.shutdown"]
    loaded: list[bool] = []

    async def receive() -> Told:
        return {"type": words.pop(0)}

    async def send(message: Any) -> None:
        loaded.append(delivery.memory.is_loaded)

    asyncio.run(delivery({"type": "lifespan"}, receive, send))
    delivery.refresher.join(PATIENCE_S)
    assert loaded == [True, True]
