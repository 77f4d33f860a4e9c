from __future__ import annotations

import threading

from stages import IncidentStatus
from tests.contract.registry_servers.server import Moment
from tests.controller.reverting import Reverting
from tests.controller.tenant import services_on
from tests.endpoint import replying


def test_answers_of_the_release_that_came_back_verify_a_revert(reverting: Reverting) -> None:
    good, bad = reverting.release("7"), reverting.adopt("8")
    incident = reverting.revert()
    reverting.work()
    assert "has until" in reverting.proof(incident)
    reverting.answer(good, 100)
    assert reverting.verify(200).status is IncidentStatus.RESTORED
    reverting.tenant.clock.pass_(100)
    reverting.answer(bad, 3)
    reverting.answer(good, 40)
    assert reverting.verify(1).status is IncidentStatus.RESTORED
    assert reverting.proof(reverting.incidents()[0]) == f"3 of 43 answers still come from {bad}"
    reverting.answer(good, 40)
    verified = reverting.verify(1)
    assert (verified.status, verified.verified_by) == (IncidentStatus.VERIFIED, "headgate")
    assert reverting.verify(60) == verified
    assert reverting.happened(incident)[-2:] == ["restored done", "verified done"]
    assert reverting.notices() == ["incident.opened", "incident.verified"]


def test_answers_count_only_after_the_pointers_are_where_they_should_be(case: Reverting) -> None:
    good, _ = case.release("7"), case.adopt("8")
    case.langfuse.faults[Moment.READ] = replying(503)
    case.revert()
    case.work()
    case.tenant.clock.pass_(400)
    case.answer(good, 100)
    assert case.verify(10).status is IncidentStatus.CONTAINED
    case.langfuse.faults.clear()
    case.work()
    assert case.verify(10).status is IncidentStatus.RESTORED
    case.tenant.clock.pass_(300)
    case.answer(good, 100)
    assert case.verify(10).status is IncidentStatus.VERIFIED


def test_without_answers_nothing_is_verified_however_long_it_takes(case: Reverting) -> None:
    case.adopt("8")
    case.revert()
    case.work()
    for _ in range(4):
        assert case.verify(86_400).status is IncidentStatus.RESTORED
    assert "no answers have arrived" in case.proof(case.incidents()[0])


def test_little_traffic_verifies_it_after_a_day(case: Reverting) -> None:
    good, _ = case.release("7"), case.adopt("8")
    case.revert()
    case.work()
    case.tenant.clock.pass_(3600)
    case.answer(good, 2)
    assert case.verify(3600).status is IncidentStatus.RESTORED
    case.tenant.clock.pass_(70_000)
    assert case.verify(0).status is IncidentStatus.RESTORED
    case.answer(good, 3)
    assert case.verify(10_000).status is IncidentStatus.VERIFIED


def test_answers_that_do_not_say_where_they_come_from_prove_nothing(case: Reverting) -> None:
    case.adopt("8")
    case.revert()
    case.work()
    case.tenant.clock.pass_(301)
    case.answer(None, 50)
    assert case.verify(1).status is IncidentStatus.RESTORED
    assert "50 of 50 answers do not say" in case.proof(case.incidents()[0])


def test_what_was_reported_of_a_feature_that_was_off_is_no_answer(case: Reverting) -> None:
    good, _ = case.release("7"), case.adopt("8")
    case.revert()
    case.work()
    case.tenant.clock.pass_(301)
    case.answer(None, 50, mode="off")
    case.answer(good, 20, mode="live")
    assert case.verify(1).status is IncidentStatus.VERIFIED


def test_releases_that_people_let_out_since_are_as_they_should_be(case: Reverting) -> None:
    good, _ = case.release("7"), case.adopt("8")
    case.revert()
    case.work()
    mended = case.try_out("9")
    case.tenant.clock.pass_(301)
    case.answer(good, 20)
    case.answer(mended, 20)
    assert case.verify(1).status is IncidentStatus.VERIFIED


def test_an_earlier_incident_is_verified_by_what_the_later_revert_brought_back(case: Reverting) -> None:
    good = case.release("7")
    case.adopt("8")
    case.try_out("9")
    case.revert()
    case.revert()
    case.work()
    case.tenant.clock.pass_(301)
    case.answer(good, 20)
    case.verify(1)
    assert [incident.status for incident in case.incidents()] == [IncidentStatus.VERIFIED] * 2


def test_a_rollout_that_cannot_be_read_is_judged_by_what_came_back(case: Reverting) -> None:
    good, _ = case.release("7"), case.adopt("8")
    case.revert()
    case.work()
    case.tenant.clock.pass_(301)
    case.answer(good, 20)
    case.tenant.sql("UPDATE rollouts SET exposure = '{'")
    assert case.verify(1).status is IncidentStatus.VERIFIED


def test_two_workers_verify_it_once(reverting: Reverting) -> None:
    good, _ = reverting.release("7"), reverting.adopt("8")
    incident = reverting.revert()
    reverting.work()
    reverting.tenant.clock.pass_(301)
    reverting.answer(good, 20)
    url = reverting.tenant.parts.settings.database_url
    other = services_on(url, reverting.tenant.clock)
    both = [threading.Thread(target=parts.verifications.run) for parts in (reverting.tenant.parts, other)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    other.database.close()
    assert reverting.happened(incident).count("verified done") == 1
    assert reverting.notices().count("incident.verified") == 1
