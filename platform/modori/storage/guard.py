"""Refuse to serve through a database role that row security does not bind (G7)."""

from sqlalchemy import Connection, text

from modori.kernel.errors import ModoriError


class UnsafeDatabaseRole(ModoriError):
    """The log-in role could see every tenant's rows. The process must not start."""

    code = "unsafe_database_role"
    title = "The database role is not bound by row security"


_LOOK = text(
    """
    select session_user::text                                              as session_role,
           current_user::text                                              as current_role,
           me.rolsuper                                                     as is_superuser,
           me.rolbypassrls                                                 as bypasses,
           (select min(r.rolname) from pg_roles r
             where (r.rolsuper or r.rolbypassrls) and r.oid <> me.oid
               and pg_has_role(me.oid, r.oid, 'MEMBER'))                   as unbound_role,
           (select min(n.nspname || '.' || c.relname)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
               and n.nspname !~ '^pg_(toast|temp)' and c.relowner = me.oid) as owned_table,
           (select min(pg_get_userbyid(c.relowner))
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
               and n.nspname !~ '^pg_(toast|temp)' and c.relowner <> me.oid
               and pg_has_role(me.oid, c.relowner, 'MEMBER'))              as owner_role
      from pg_roles me
     where me.rolname = session_user
    """
)


def refuse_unsafe_role(connection: Connection) -> None:
    """Look at who logged in, and return only if row security binds that role whatever it does next.

    The role that logged in is judged, not the one that SET ROLE chose: RESET ROLE is open to anybody who reaches SQL.
    raises   UnsafeDatabaseRole, whose message names the role and the reason
    """
    role = connection.execute(_LOOK).one()
    name, reason = role.session_role, None
    if role.is_superuser:
        reason = "it is a superuser"
    elif role.bypasses:
        reason = "it has BYPASSRLS"
    elif role.unbound_role is not None:
        reason = f"it is a member of {role.unbound_role}, which row security does not bind"
    elif role.owned_table is not None:
        reason = f"it owns the table {role.owned_table}"
    elif role.owner_role is not None:
        reason = f"it is a member of {role.owner_role}, which owns tables"
    elif role.current_role != name:
        reason = f"it became {role.current_role} by SET ROLE, which RESET ROLE undoes: log in as that role"
    if reason is not None:
        raise UnsafeDatabaseRole(
            f"The database role {name} may not serve: {reason}. Log in as modori_app (MODORI_DATABASE_URL) "
            "or modori_scan (MODORI_SCAN_DATABASE_URL)."
        )
