"""The last known good flags on disk."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from headgate import Client
from headgate.current import Current
from headgate.disk import LastKnownGood, Saver
from headgate.evaluator import Document
from headgate.tallies import Tallies

URL, KEY = "http://127.0.0.1:1", "hg_server_1_secret"
NOW = 1_800_000_000.0


def kept_in(folder: Path, key: str = KEY, now: float = NOW) -> LastKnownGood:
    return LastKnownGood(folder, URL, key, clock=lambda: now)


def save(folder: Path, document: Any, confirmed: float = NOW) -> Path:
    kept = kept_in(folder)
    kept.save(Document.parse(document), "1-abc")
    kept.confirm(confirmed)
    (path,) = folder.glob("headgate-*.json")
    return path


def test_what_was_saved_is_loaded_with_its_age_and_nothing_else_is_left(
    tmp_path: Path, document: Any
) -> None:
    folder = tmp_path / "deep" / "cache"
    path = save(folder, document(), NOW - 40)
    found = kept_in(folder).load()
    assert found is not None
    assert (found.etag, found.age_s) == ("1-abc", 40)
    assert found.document.evaluate("plain", {}).value == "text"
    assert list(folder.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.name


def test_another_key_has_another_file(tmp_path: Path, document: Any) -> None:
    save(tmp_path, document())
    assert kept_in(tmp_path, "hg_server_2_secret").load() is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:-10],
        lambda raw: raw[:200],
        lambda raw: raw.replace(b"live", b"dead"),
        lambda raw: raw.replace(b'"format": 1', b'"format": 2'),
        lambda raw: b"[]\n" + raw,
        lambda raw: b"\xff\xfe" + raw,
        lambda raw: b'{"format": 1}\n{}',
    ],
    ids=range(8),
)
def test_a_damaged_file_is_not_used_and_the_client_starts_without(
    tmp_path: Path, document: Any, damage: Any
) -> None:
    path = save(tmp_path, document())
    path.write_bytes(damage(path.read_bytes()))
    assert kept_in(tmp_path).load() is None
    with Client(URL, KEY, cache_dir=tmp_path) as client:
        assert client.decide("feature", "user-1").error_code == "PROVIDER_NOT_READY"


def test_it_starts_from_disk_while_headgate_is_out_of_reach(tmp_path: Path, document: Any) -> None:
    save(tmp_path, document("live", valid_for_s=300), NOW - 100)
    with Client(URL, KEY, cache_dir=tmp_path, clock=lambda: NOW) as client:
        assert (client.decide("feature", "user-1").mode, client.status) == ("live", "stale")


@pytest.mark.parametrize("confirmed", [NOW - 301, NOW + 3600], ids=["too old", "from the future"])
def test_flags_on_disk_have_the_lease_they_had(tmp_path: Path, document: Any, confirmed: float) -> None:
    save(tmp_path, document("live", valid_for_s=300), confirmed)
    with Client(URL, KEY, cache_dir=tmp_path, clock=lambda: NOW) as client:
        decision = client.decide("feature", "user-1")
        assert (decision.mode, decision.reason, client.status) == ("review", "STALE", "lost")
        assert client.wait_until_ready(0) is False


def test_without_a_lease_old_flags_are_as_good_as_new(tmp_path: Path, document: Any) -> None:
    save(tmp_path, document("live", valid_for_s=0), NOW - 1e7)
    with Client(URL, KEY, cache_dir=tmp_path, clock=lambda: NOW) as client:
        assert client.decide("feature", "user-1").mode == "live"


def test_a_changed_document_is_written_and_an_unchanged_one_only_confirmed(
    tmp_path: Path, document: Any
) -> None:
    now = [1000.0]
    current = Current(tallies=Tallies(), monotonic=lambda: now[0])
    saver = Saver(kept_in(tmp_path), current, clock=lambda: NOW + now[0], monotonic=lambda: now[0])
    assert saver.step() > 0
    assert list(tmp_path.iterdir()) == []
    current.replace(Document.parse(document()).text().encode(), "1", now[0])
    saver.step()
    (path,) = tmp_path.iterdir()
    written = path.stat().st_ino
    now[0] += 30
    current.renew(now[0] - 2)
    saver.step()
    assert (path.stat().st_ino, path.stat().st_mtime) == (written, NOW + now[0] - 2)
    assert current.patch({"from": "1", "set": {}, "unset": ["plain"], "metadata": {"revision": 2}}, "2")
    assert saver.step() == 5
    assert path.stat().st_ino == written
    now[0] += 5
    saver.step()
    (path,) = tmp_path.iterdir()
    found = kept_in(tmp_path, now=NOW + now[0]).load()
    assert found is not None
    assert (found.etag, "plain" in found.document.keys()) == ("2", False)  # noqa: SIM118


@pytest.mark.parametrize("confirmed", [NOW - 10, NOW - 30])
def test_of_processes_that_share_a_file_the_flags_that_were_confirmed_last_stay(
    tmp_path: Path, document: Any, confirmed: float
) -> None:
    mine, others = kept_in(tmp_path), kept_in(tmp_path)
    new, old = Document.parse(document("off", revision=2)), Document.parse(document("live", revision=1))
    mine.keep(new, "2", NOW - 20)
    # Late, slow or cut off: it puts what it has in place without a look at what is there.
    others.save(old, "1")
    others.confirm(confirmed)
    mine.keep(new, "2", NOW - 20)
    found = kept_in(tmp_path).load()
    assert found is not None
    assert (found.etag, found.age_s) == (("2", 20) if confirmed < NOW - 20 else ("1", 10))
    mine.keep(new, "2", NOW)
    others.keep(old, "1", confirmed)
    found = kept_in(tmp_path).load()
    assert found is not None
    assert (found.etag, found.age_s) == ("2", 0)


def test_a_file_that_was_removed_or_has_the_time_of_a_clock_gone_wrong_is_written_anew(
    tmp_path: Path, document: Any
) -> None:
    kept, flags = kept_in(tmp_path), Document.parse(document())
    kept.keep(flags, "1", NOW - 9)
    (path,) = tmp_path.iterdir()
    path.unlink()
    kept.keep(flags, "1", NOW - 8)
    assert path.stat().st_mtime == NOW - 8
    kept.confirm(NOW + 3600)
    kept.keep(flags, "1", NOW - 7)
    assert path.stat().st_mtime == NOW - 7


def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path: Path, document: Any) -> None:
    path = save(tmp_path, document())
    path.unlink()
    os.mkfifo(path)
    assert kept_in(tmp_path).load() is None
    with pytest.raises(OSError, match="it is no file"):
        kept_in(tmp_path).keep(Document.parse(document()), "1", NOW)


def test_flags_are_kept_as_soon_as_they_are_there(tmp_path: Path, document: Any) -> None:
    saved = threading.Event()

    class Told(LastKnownGood):
        def save(self, document: Document, etag: str | None) -> None:
            super().save(document, etag)
            saved.set()

    current = Current(tallies=Tallies())
    worker = Saver(Told(tmp_path, URL, KEY), current).worker
    worker.start()
    current.replace(Document.parse(document()).text().encode(), "1", time.monotonic())
    assert saved.wait(2)
    worker.ask_to_stop()


def test_flags_that_only_came_from_disk_do_not_get_younger_by_it(tmp_path: Path, document: Any) -> None:
    path = save(tmp_path, document(), NOW - 100)
    current = Current(tallies=Tallies())
    found = kept_in(tmp_path).load()
    assert found is not None
    current.seed(found.document, found.etag, found.age_s)
    Saver(kept_in(tmp_path), current, clock=lambda: NOW).step()
    assert path.stat().st_mtime == NOW - 100


def test_a_disk_that_cannot_be_written_is_said_once_and_survived(
    tmp_path: Path, document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    current = Current(tallies=Tallies())
    current.replace(Document.parse(document()).text().encode(), "1", 0.0)
    saver = Saver(kept_in(blocked), current, monotonic=lambda: now)
    now = 0.0
    assert saver.step() == 60
    now = 100.0
    assert saver.step() == 60
    assert len(caplog.records) == 1


def test_the_client_keeps_what_it_is_told_and_the_next_one_begins_with_it(
    server: Any, tmp_path: Path, document: Any
) -> None:
    server.stream_document(document("review"))
    with Client(server.url, KEY, cache_dir=tmp_path) as client:
        assert client.wait_until_ready(20)
        assert client._saver is not None
        client._saver.step()
    server.stream_status = 503
    server.fail(503)
    with Client(server.url, KEY, cache_dir=tmp_path) as client:
        assert client.decide("feature", "user-1").mode == "review"


def test_a_bootstrap_is_used_until_headgate_answers(server: Any, tmp_path: Path, document: Any) -> None:
    path = tmp_path / "flags.json"
    path.write_text(Document.parse(document("review", revision=1)).text())
    server.stream_document(document("off", revision=2))
    with Client(URL, KEY, bootstrap=path) as client:
        assert client.decide("feature", "user-1").mode == "review"
    with Client(server.url, KEY, bootstrap=document("review", revision=1)) as client:
        assert client.wait_until_ready(20)
        assert client.decide("feature", "user-1").mode == "off"


def test_a_bootstrap_that_cannot_be_right_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="flags"):
        Client(URL, KEY, bootstrap={"flags": []})
    with pytest.raises(OSError, match="absent"):
        Client(URL, KEY, bootstrap=tmp_path / "absent.json")
