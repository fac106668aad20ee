"""The migrations and the tables' classes say the same."""

from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, pool
from sqlmodel import SQLModel

import modori.entrypoints.tables  # noqa: F401  # every room's tables
from modori.entrypoints import migrate
from modori.storage.columns import differs
from modori.storage.roles import DatabaseUrls, provision
from tests.conftest import Cluster

BY_HAND = ("event_2", "event_past", "platform_contact", "alembic_version")
"""Made by the second migration in SQL: partitions, and the caps that no role may read."""


def test_nothing_is_left_to_migrate(database_urls: DatabaseUrls) -> None:
    engine = create_engine(
        database_urls.owner.replace("postgresql://", "postgresql+psycopg://"), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": differs,
                "include_name": lambda name, kind, _: not (kind == "table" and str(name).startswith(BY_HAND)),
            },
        )
        difference = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert difference == []


def test_switches_engaged_twice_by_hand_do_not_hold_an_upgrade_up(engines: Cluster) -> None:
    """Until 0007 nothing kept one channel from two engaged switches: the newest stays engaged."""
    name = f"switches_{uuid4().hex[:12]}"
    owner_url = provision(engines.superuser_url, database=name, passwords=engines.passwords).owner
    migrate.upgrade(owner_url, to="0006")
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "insert into kill_switch (tenant_id, switch_id, channel, engaged_at, reason, released_at)"
            " select t.id, gen_random_uuid(), c.channel, now() - make_interval(hours => n), 'why ' || n,"
            "   case when n = 3 then now() end"
            " from (select gen_random_uuid() as id from generate_series(1, 2)) t, generate_series(1, 3) n,"
            "   (values ('sms'), ('call'), (null)) c(channel)"
        )
    migrate.upgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        engaged = owner.execute(
            "select tenant_id, channel, array_agg(reason) from kill_switch where released_at is null group by 1, 2"
        ).fetchall()
    assert [reasons for _, _, reasons in engaged] == [["why 1"]] * 6


def test_a_second_upgrade_changes_nothing(database_urls: DatabaseUrls) -> None:
    migrate.upgrade(database_urls.owner)


def test_g13_tokens_of_links_that_were_stored_are_stripped(engines: Cluster) -> None:
    """Until 0009 a page's address was stored with the token of the link that had led to it."""
    name = f"tokens_{uuid4().hex[:12]}"
    owner_url = provision(engines.superuser_url, database=name, passwords=engines.passwords).owner
    migrate.upgrade(owner_url, to="0008")
    addresses = [
        "https://s.example/cart?modori_t=AAAAAAAAAAAAAAAAAAAAAA",
        "https://s.example/cart?utm_source=x&modori_t=AAAAAAAAAAAAAAAAAAAAAA",
        "https://s.example/cart?modori_t=AAAAAAAAAAAAAAAAAAAAAA&utm_source=x",
        "https://s.example/cart?utm_source=x",
    ]
    with psycopg.connect(owner_url) as owner:
        for address in addresses:
            owner.execute(
                "insert into event (tenant_id, received_at, event_id, site_id, type, at, page_url, body) values"
                " (gen_random_uuid(), now(), gen_random_uuid(), gen_random_uuid(), 'cart', now(), %(url)s,"
                " jsonb_build_object('url', %(url)s::text, 'items', '[]'::jsonb))",
                {"url": address},
            )
            owner.execute(
                "insert into consent (tenant_id, consent_id, channel, granted, text, text_hash, page_url, source,"
                " given_at, recorded_at) values (gen_random_uuid(), gen_random_uuid(), 'email', true, '', '', %s,"
                " 'browser', now(), now())",
                (address,),
            )
            owner.execute(
                "insert into capture_choice (tenant_id, choice_id, site_id, visitor, granted, text, text_hash,"
                " page_url, given_at, recorded_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
                " 'v', true, '', '', %s, now(), now())",
                (address,),
            )
    migrate.upgrade(owner_url)
    bare, with_source = "https://s.example/cart", "https://s.example/cart?utm_source=x"
    with psycopg.connect(owner_url) as owner:
        for question in (
            "select page_url from event",
            "select body ->> 'url' from event",
            "select page_url from consent",
            "select page_url from capture_choice",
        ):
            assert sorted(row[0] for row in owner.execute(question)) == [bare, *[with_source] * 3]
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            owner.execute("delete from consent")
