-- What Whimbrel's role needs on the target: the empty database that is moved to. Run as an administrator, with psql:
--
--   psql -d shop -v role=migrator -v owner=shop_owner -f deploy/sql/grants-target.sql
--
--   role    the role that the runbook's target url names; it is made when it is not there, without a password:
--           set one with  \password migrator. The server must really ask for it: from 16 on, a subscription of a role
--           that is no superuser needs a password on the other side too
--   owner   the role that owns the tables on the source; it is made when it is not there, and will own them here
--
-- Again is harmless. What it gives, and why:
--   pg_create_subscription the forward stream (16 and later); before 16 only a superuser may subscribe
--   membership in owner    make the tables as their owner, apply rows to them, fence them
--   CREATE, CONNECT        schemas, extensions, publication and subscription
--   TEMPORARY              the sample by which `plan` forecasts the copy; nothing of it is left
--   REPLICATION            the slots of the way back
--   not given: CREATEDB, which only `validate.suite` needs, for the clone in which a suite writes
--   pg_monitor, pg_signal_backend   as on the source
-- Not enough for large objects, which only a superuser may carry, nor for rows of unlogged tables.
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I NOLOGIN', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN REPLICATION;

GRANT :"owner" TO :"role";
SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO %I, %I', current_database(), :'role', :'owner') \gexec
SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT USAGE, CREATE ON SCHEMA public TO :"role", :"owner";
GRANT pg_monitor, pg_signal_backend TO :"role";

SELECT current_setting('server_version_num')::int >= 160000 AS subscribes_by_grant,
       EXISTS (SELECT FROM pg_roles WHERE rolname = :'role' AND rolsuper) AS superuser \gset

\if :subscribes_by_grant
  GRANT pg_create_subscription TO :"role";
\elif :superuser
\else
  \echo 'THE TARGET CANNOT SUBSCRIBE: before 16 only a superuser may.'
  \echo 'Either:  ALTER ROLE' :"role" 'SUPERUSER;   or your provider''s role that may subscribe.'
\endif
