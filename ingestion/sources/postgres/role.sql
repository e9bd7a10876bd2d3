-- A role for Comporta that can read and nothing else. As an owner of the database, in the database that is to be copied:
--   psql "$ADMIN_DSN" -v role=comporta -f ingestion/sources/postgres/role.sql
-- Then give it a password where it stays out of shell histories and server logs: \password comporta
-- Run it again after new schemas have come; tables that come later in schemas of today are granted already, as far as the
-- role that runs this creates them.
\set ON_ERROR_STOP on
\if :{?role}
\else
  \set role comporta
\endif

select format('create role %I login', :'role')
where not exists (select from pg_roles where rolname = :'role') \gexec

-- Even if it were granted more by mistake, it does not write; and it never holds the source up for long.
alter role :"role" set default_transaction_read_only = on;
alter role :"role" set lock_timeout = '10s';
alter role :"role" connection limit 16;

-- When the oldest open transaction began: without it cursor columns can't advance safely (docs/ingestion.md).
grant pg_read_all_stats to :"role";

select format('grant connect on database %I to %I', current_database(), :'role') \gexec
select format(statement, nspname, :'role')
from pg_namespace,
     unnest(array['grant usage on schema %I to %I', 'grant select on all tables in schema %I to %I',
                  'alter default privileges in schema %I grant select on tables to %I']) statement
where nspname <> 'information_schema' and nspname !~ '^pg_' \gexec
