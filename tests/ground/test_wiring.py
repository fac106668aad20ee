"""The map of the system is whole: whatever is promised is followed, and every scan runs."""

import re
from pathlib import Path

import modori
from modori.channels.wire import Prices
from modori.entrypoints import wiring
from modori.entrypoints.settings import Settings
from modori.storage import db
from tests.drain import drain
from tests.world import World

PROMISED = re.compile(r'promise\(\s*session,(?: upload,)?\s*"([a-z]+\.[a-z]+)"')


def settings() -> Settings:
    return Settings.model_validate({"env": "development"})


def promised_topics() -> set[str]:
    sources = Path(modori.__file__).parent.rglob("*.py")
    return {topic for source in sources for topic in PROMISED.findall(source.read_text())}


def test_every_promise_is_followed_and_every_topic_promised() -> None:
    assert promised_topics() == set(wiring.subscribers())


def test_every_name_is_one_functions_alone() -> None:
    actors = wiring.actors(settings())
    assert len({actor.name for actor in actors}) == len(actors)
    assert {name for names in wiring.subscribers().values() for name in names} <= {actor.name for actor in actors}
    assert wiring.name_of(wiring.jobs()["outreach.plan_lead_now"]) == "outreach.plan_lead_now"


def test_dials_take_their_deadline_and_their_price_from_the_settings() -> None:
    said = {"delivery_deadline_s": 45, "dial_minor": "JPY:80, USD:45", "sms_part_minor": "USD:2,JPY:0"}
    wanted = Settings.model_validate({"env": "development", **said})
    dialler, dispatcher = wiring.make_dialler(wanted), wiring.make_dispatcher(wanted)
    assert (dialler.deadline_s, dialler.prices) == (45, dispatcher.prices)
    assert dispatcher.prices.dial_minor == {"JPY": 80, "USD": 45}
    assert dispatcher.prices.sms_part_minor == {"JPY": 0, "USD": 2}
    assert dispatcher.prices.currencies == {"JPY", "USD"}


def test_whoever_says_nothing_has_prices_in_yen_alone() -> None:
    assert wiring.prices(settings()) == Prices(sms_part_minor={"JPY": 15}, dial_minor={"JPY": 60})


def test_every_scan_runs_as_the_roles_that_it_will_have(world: World) -> None:
    scans = wiring.scans(settings())
    assert len({scan.name for scan in scans}) == len(scans)
    for scan in scans:
        scan.run()
        if scan.wake_at is not None:
            scan.wake_at()
        assert not db.in_transaction(), scan.name


def test_nothing_to_do_is_nothing_done(world: World) -> None:
    assert drain([world.acme.tenant_id], subscribers=wiring.subscribers(), jobs=wiring.jobs()) == []
