"""Row security, roles' grants, partitions, cross-tenant look-ups, and what may never change

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AGENCY_TABLES = {
    # Rows of the agency itself, read before a tenant is known.
    "agency": "select, insert, update",
    "user_account": "select, insert, update",
    "membership": "select, insert, update, delete",
    "console_session": "select, insert, update, delete",
    "password_token": "select, insert, update, delete",
    "login_throttle": "select, insert, update, delete",
}
APPEND_ONLY = ("consent", "stop", "erasure", "audit_entry", "receipt", "delivery_report", "ledger_entry")
DELETABLE = ("lead_contact", "episode_contact", "contact_velocity", "kill_switch", "route", "idempotent_answer")

SCAN_GRANTS = (
    # Columns that the scan role needs to claim due rows over all tenants; no personal column is among them.
    "grant select (tenant_id, promise_id, topic, promised_at, relayed_at), update (relayed_at), delete on promise",
    "grant select (tenant_id, work_id, promise_id, subscriber, state, claims, made_at, hinted_at, done_at),"
    " insert (tenant_id, work_id, promise_id, subscriber, state, claims, made_at, hinted_at),"
    " update (hinted_at), delete on work",
    "grant select, insert, update on scheduled_run",
    "grant select (tenant_id) on tenant",
    "grant select (tenant_id, episode_id, state, due_at, last_activity_at) on episode",
    "grant select (tenant_id, touch_id, state, due_at, claimed_at), update (state, claimed_at) on touch",
    "grant select (tenant_id, delivery_id, state, begun_at, deadline_at, checked_at) on delivery",
    "grant select (tenant_id, result_id, state, hold_until) on result",
    "grant select (tenant_id, call_task_id, state, due_at, claimed_until) on call_task",
    "grant select (tenant_id, event_id, seen_on), delete on event_seen",
)
SCANNED = ("promise", "work", "tenant", "episode", "touch", "delivery", "result", "call_task", "event_seen")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("grant usage on schema public to modori_app, modori_scan")
    for name, rights in AGENCY_TABLES.items():
        op.execute(f"grant {rights} on {name} to modori_app")
    op.execute("grant select on scheduled_run to modori_app")
    op.execute("grant select on alembic_version to modori_app")  # /readyz compares it with the code's own

    tables = [
        row[0]
        for row in op.get_bind().exec_driver_sql(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'"
            " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1"
        )
    ]
    for name in tables:
        op.execute(f"alter table {name} enable row level security")
        op.execute(f"alter table {name} force row level security")
        visible = "tenant_id = any ((select nullif(current_setting('app.tenants', true), '')::uuid[])::uuid[])"
        op.execute(f"create policy of_tenant on {name} to modori_app using ({visible}) with check ({visible})")
        rights = "select, insert" if name in APPEND_ONLY else "select, insert, update"
        if name in DELETABLE:
            rights += ", delete"
        op.execute(f"grant {rights} on {name} to modori_app")
    for name in SCANNED:
        op.execute(f"create policy of_scan on {name} to modori_scan using (true) with check (true)")
    for grant in SCAN_GRANTS:
        op.execute(f"{grant} to modori_scan")

    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin
          raise exception '% rows never change', tg_table_name using errcode = 'integrity_constraint_violation';
        end $$
        """
    )
    for name in APPEND_ONLY:
        op.execute(
            f"create trigger never_changes before update or delete or truncate on {name}"
            " for each statement execute function refuse_change()"
        )

    # What must be found before a tenant is known goes through functions of the owner's that answer one row at most.
    op.execute(
        """
        create function resolve_site_key(wanted bytea)
        returns table (tenant_id uuid, site_id uuid, key_id uuid, kind text, revoked_at timestamptz)
        language sql stable security definer set search_path = public, pg_temp as
        $$ select k.tenant_id, k.site_id, k.key_id, k.kind, k.revoked_at from site_key k where k.key_hash = wanted $$
        """
    )
    op.execute(
        """
        create function resolve_link(wanted bytea) returns table (tenant_id uuid, link_id uuid)
        language sql stable security definer set search_path = public, pg_temp as
        $$ select l.tenant_id, l.link_id from link l where l.token_hash = wanted $$
        """
    )
    op.execute(
        """
        create function origin_is_registered(wanted text) returns boolean
        language sql stable security definer set search_path = public, pg_temp as
        $$ select exists (select 1 from site s where wanted = any (s.origins)) $$
        """
    )
    op.execute(
        """
        create function resolve_sms_number(wanted text) returns setof uuid
        language sql stable security definer set search_path = public, pg_temp as
        $$ select t.tenant_id from tenant t where t.sms_from = wanted $$
        """
    )

    # Which clients a console user may see: answered from the memberships, before the transaction is bound to any.
    op.execute(
        """
        create function tenants_of_user(wanted uuid) returns table (tenant_id uuid, name text, role text)
        language sql stable security definer set search_path = public, pg_temp as $$
          select t.tenant_id, t.name, m.role from membership m
          join user_account u on u.user_id = m.user_id and u.disabled_at is null
          join tenant t on m.client_tenant_id is null or t.tenant_id = m.client_tenant_id
          where m.user_id = wanted
        $$
        """
    )

    # Contact caps over all tenants (RULES 31): by keyed hash, reachable only through these two functions.
    op.execute(
        """
        create table platform_contact (
          contact_hash bytea not null, day_on date not null,
          messages int not null default 0, first_messages int not null default 0,
          primary key (contact_hash, day_on)
        )
        """
    )
    op.execute(
        """
        create function lock_platform_budget(wanted bytea, today date)
        returns table (messages_week bigint, first_messages_day bigint)
        language plpgsql volatile security definer set search_path = public, pg_temp as $$
        begin
          insert into platform_contact (contact_hash, day_on) values (wanted, today) on conflict do nothing;
          perform 1 from platform_contact p where p.contact_hash = wanted and p.day_on = today for no key update;
          return query
            select coalesce(sum(p.messages), 0), coalesce(sum(p.first_messages) filter (where p.day_on = today), 0)
            from platform_contact p where p.contact_hash = wanted and p.day_on > today - 7;
        end $$
        """
    )
    op.execute(
        """
        create function spend_platform_budget(wanted bytea, today date, is_first boolean) returns void
        language sql volatile security definer set search_path = public, pg_temp as $$
          update platform_contact set messages = messages + 1,
            first_messages = first_messages + case when is_first then 1 else 0 end
          where contact_hash = wanted and day_on = today
        $$
        """
    )
    op.execute(
        """
        create function refund_platform_budget(wanted bytea, day date, was_first boolean) returns void
        language sql volatile security definer set search_path = public, pg_temp as $$
          update platform_contact set messages = greatest(messages - 1, 0),
            first_messages = greatest(first_messages - case when was_first then 1 else 0 end, 0)
          where contact_hash = wanted and day_on = day
        $$
        """
    )
    op.execute(
        """
        create function purge_platform_budget(keep_days int) returns void
        language sql volatile security definer set search_path = public, pg_temp as
        $$ delete from platform_contact where day_on < current_date - keep_days $$
        """
    )
    op.execute(
        """
        create function ensure_event_partitions(days_ahead int) returns int
        language plpgsql volatile security definer set search_path = public, pg_temp as $$
        declare day date; made int := 0; part text;
        begin
          perform pg_advisory_xact_lock(7301);
          for day in select generate_series(current_date - 1, current_date + days_ahead, interval '1 day')::date loop
            part := 'event_' || to_char(day, 'YYYYMMDD');
            if to_regclass(part) is null then
              begin
                execute format('create table %I partition of event for values from (%L) to (%L)',
                  part, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
                made := made + 1;
              exception when check_violation then
                null; -- this day's rows already lie in event_past: they stay there
              end;
            end if;
          end loop;
          return made;
        end $$
        """
    )
    op.execute(
        """
        create function drop_event_partitions(keep_days int) returns int
        language plpgsql volatile security definer set search_path = public, pg_temp as $$
        declare part text; dropped int := 0;
        begin
          for part in
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'event'::regclass and c.relname ~ '^event_[0-9]{8}$'
              and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days
          loop
            execute format('drop table %I', part);
            dropped := dropped + 1;
          end loop;
          return dropped;
        end $$
        """
    )
    for function, roles in (
        ("resolve_site_key(bytea)", "modori_app"),
        ("resolve_link(bytea)", "modori_app"),
        ("origin_is_registered(text)", "modori_app"),
        ("resolve_sms_number(text)", "modori_app"),
        ("tenants_of_user(uuid)", "modori_app"),
        ("lock_platform_budget(bytea, date)", "modori_app"),
        ("spend_platform_budget(bytea, date, boolean)", "modori_app"),
        ("refund_platform_budget(bytea, date, boolean)", "modori_app"),
        ("purge_platform_budget(int)", "modori_scan"),
        ("ensure_event_partitions(int)", "modori_scan"),
        ("drop_event_partitions(int)", "modori_scan"),
    ):
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to {roles}")
    op.execute("select ensure_event_partitions(7)")
    # The week of history that the demo is seeded with, and tests that look back.
    op.execute("create table event_past partition of event default")


def downgrade() -> None:
    raise RuntimeError("the first schema has nothing to go back to")
