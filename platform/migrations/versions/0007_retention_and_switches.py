"""Events past retention that lie in no day's partition; switches of one channel

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    _keep_days()
    _forget_past_events()
    _switches()


def _keep_days() -> None:
    """As before, with days in UTC whatever the session's zone, and no long queue behind a lock that is not given."""
    op.execute(
        """
        create or replace function ensure_event_partitions(days_ahead int) returns int
        language plpgsql volatile security definer
        set search_path = public, pg_temp set lock_timeout = '2s' as $$
        declare today date := (now() at time zone 'UTC')::date; day date; made int := 0; part text;
        begin
          perform pg_advisory_xact_lock(7301);
          for day in select generate_series(today - 1, today + days_ahead, interval '1 day')::date loop
            part := 'event_' || to_char(day, 'YYYYMMDD');
            if to_regclass(part) is null then
              begin
                execute format('create table %I partition of event for values from (%L) to (%L)',
                  part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
                made := made + 1;
              exception when check_violation then
                null; -- this day's rows already lie in event_past: they stay there, and go from there
              end;
            end if;
          end loop;
          return made;
        end $$
        """
    )
    op.execute(
        """
        create or replace function drop_event_partitions(keep_days int) returns int
        language plpgsql volatile security definer
        set search_path = public, pg_temp set lock_timeout = '2s' as $$
        declare kept_from date := (now() at time zone 'UTC')::date - keep_days; part text; dropped int := 0;
        begin
          for part in
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'event'::regclass and c.relname ~ '^event_[0-9]{8}$'
              and to_date(right(c.relname, 8), 'YYYYMMDD') < kept_from
          loop
            execute format('drop table %I', part);
            dropped := dropped + 1;
          end loop;
          return dropped;
        end $$
        """
    )


def _forget_past_events() -> None:
    """`event_past` holds what no day's partition would take: no partition of it can be dropped."""
    op.execute("create index event_past_by_arrival on event_past (received_at)")
    op.execute(
        """
        create function forget_past_events(keep_days int, most int) returns int
        language plpgsql volatile security definer
        set search_path = public, pg_temp set lock_timeout = '2s' as $$
        declare
          kept_from timestamptz := ((now() at time zone 'UTC')::date - keep_days)::timestamp at time zone 'UTC';
          gone int;
        begin
          select count(*) into gone from
            (select 1 from event_past where received_at < kept_from limit most) old;
          if gone = 0 then
            return 0;
          end if;
          if not exists (select 1 from event_past where received_at >= kept_from) then
            begin
              lock table event_past in access exclusive mode;
              if not exists (select 1 from event_past where received_at >= kept_from) then
                truncate event_past;
                return gone;
              end if;
            exception when lock_not_available then
              null; -- somebody reads for long: row by row, then
            end;
          end if;
          delete from event_past where ctid = any (array(
            select ctid from event_past where received_at < kept_from
            order by received_at limit most for update skip locked));
          get diagnostics gone = row_count;
          return gone;
        end $$
        """
    )
    op.execute("revoke all on function forget_past_events(int, int) from public")
    op.execute("grant execute on function forget_past_events(int, int) to modori_scan")


def _switches() -> None:
    op.create_table(
        "agency_kill_switch",
        sa.Column("switch_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "email", "sms", "line", "call", name="channel", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("engaged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engaged_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("switch_id"),
    )
    op.create_index(
        "agency_kill_switch_engaged",
        "agency_kill_switch",
        ["channel"],
        unique=True,
        postgresql_where=sa.text("released_at is null"),
    )
    op.execute("grant select, insert, update on agency_kill_switch to modori_app")
    op.add_column("kill_switch", sa.Column("released_by", sa.Uuid(), nullable=True))
    op.execute(  # more than one could be engaged by hand until now: the newest stays
        """
        update kill_switch w set released_at = now() where released_at is null and exists (select 1 from kill_switch o
          where o.tenant_id = w.tenant_id and o.channel is not distinct from w.channel and o.released_at is null
            and (o.engaged_at, o.switch_id) > (w.engaged_at, w.switch_id))
        """
    )
    op.create_index(
        "kill_switch_engaged",
        "kill_switch",
        ["tenant_id", "channel"],
        unique=True,
        postgresql_where=sa.text("released_at is null"),
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    op.drop_index("kill_switch_engaged", "kill_switch")
    op.drop_column("kill_switch", "released_by")
    op.drop_table("agency_kill_switch")
    op.execute("drop function forget_past_events(int, int)")
    op.execute("drop index event_past_by_arrival")
