"""Scans run at their pace, one at a time, go on after a failure, and stop when they are told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from modori.background.scheduler import Scan, Scheduler
from modori.kernel import clock
from modori.kernel.ids import new_id
from modori.storage import db
from tests.world import World


@contextmanager
def running(*scans: Scan) -> Iterator[Scheduler]:
    scheduler = Scheduler(scans)
    scheduler.start()
    try:
        yield scheduler
    finally:
        assert scheduler.stop(within_s=60), "every scan ends with the run it is in"


class Counted:
    """A scan that says how often it ran."""

    def __init__(self, *answers: object, takes_s: float = 0.0) -> None:
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.reached = threading.Condition()
        self._answers = list(answers)
        self._takes_s = takes_s

    def __call__(self) -> object:
        with self.reached:
            self.runs += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.reached.notify_all()
        time.sleep(self._takes_s)
        with self.reached:
            self.at_once -= 1
        answer = self._answers.pop(0) if self._answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reaches(self, runs: int, *, within_s: float = 60.0) -> bool:
        with self.reached:
            return self.reached.wait_for(lambda: self.runs >= runs, within_s)


def test_a_scan_runs_again_and_again_and_notes_it(world: World) -> None:
    name, counted = f"scan-{new_id()}", Counted(takes_s=0.01)
    with running(Scan(name, 0.01, counted)):
        assert counted.reaches(5)
    assert counted.most_at_once == 1
    with db.agency_transaction() as session:
        found = session.connection().execute(
            text("select ran_at > now() - interval '1 minute' from scheduled_run where name = :name"), {"name": name}
        )
        assert found.scalar_one() is True


def test_a_failing_scan_is_tried_again_and_holds_nobody_up(world: World) -> None:
    failing, fine = Counted(ValueError("once"), ValueError("twice"), 0), Counted()
    with running(Scan("failing", 0.01, failing), Scan("fine", 0.01, fine)):
        assert fine.reaches(10)
        assert failing.reaches(3)


def test_an_eager_scan_does_not_rest_while_there_is_more(world: World) -> None:
    counted = Counted(200, 200, 0)
    with running(Scan("eager", 60.0, counted, is_eager=True)):
        assert counted.reaches(3)
        assert not counted.reaches(4, within_s=0.2), "nothing more: it rests"


def test_a_scan_wakes_when_the_next_row_is_due(world: World) -> None:
    counted = Counted()
    started = time.monotonic()
    due: list[datetime | None] = [clock.now() + timedelta(seconds=0.3), None]
    with running(Scan("waking", 60.0, counted, wake_at=lambda: due.pop(0) if due else None)):
        assert counted.reaches(2, within_s=45)  # and not after its 60 s
        assert time.monotonic() - started > 0.25


def test_a_stop_does_not_wait_for_the_next_run(world: World) -> None:
    counted = Counted()
    scheduler = Scheduler([Scan("rare", 3600.0, counted)])
    scheduler.start()
    assert counted.reaches(1)
    assert scheduler.stop(within_s=45)


def test_two_scans_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same name"):
        Scheduler([Scan("twin", 1, int), Scan("twin", 1, int)])
