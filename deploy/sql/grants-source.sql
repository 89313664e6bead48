-- What Whimbrel's role needs on the source: the database that is left. Run as an administrator, with psql:
--
--   psql -d shop -v role=migrator -v owner=shop_owner -f deploy/sql/grants-source.sql
--
--   role    the role that the runbook's source url names; it is made when it is not there, without a password:
--           set one with  \password migrator
--   owner   the role that owns the tables; run this once more for every other owner
--
-- Again is harmless. What it gives, and why:
--   REPLICATION            make the slot of the forward stream
--   membership in owner    publish, lock and fence the tables, read them for copy and comparison, carry sequences
--   CREATE, CONNECT        a publication, schema whimbrel; keep CONNECT when it is taken from everybody else at the end
--   pg_monitor             name who blocks, and who uses the database
--   pg_signal_backend      end an older attempt of its own, and what is still connected after the switchover
--   pg_create_subscription the way back (16 and later); before 16 only a superuser may subscribe
-- Not enough for large objects, which only a superuser may carry, nor for rows of unlogged tables.
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN REPLICATION;

GRANT :"owner" TO :"role";
SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT pg_monitor, pg_signal_backend TO :"role";

SELECT current_setting('server_version_num')::int >= 160000 AS subscribes_by_grant,
       EXISTS (SELECT FROM pg_roles WHERE rolname = :'role' AND rolsuper) AS superuser,
       EXISTS (SELECT FROM pg_class WHERE relrowsecurity) AS row_security \gset

\if :subscribes_by_grant
  GRANT pg_create_subscription TO :"role";
\elif :superuser
\else
  \echo 'THERE WILL BE NO WAY BACK AFTER THE HAND-OVER: before 16 only a superuser may subscribe.'
  \echo 'Either:  ALTER ROLE' :"role" 'SUPERUSER;   or your provider''s role that may subscribe.'
\endif

\if :row_security
  -- Row-level security hides rows from everybody else without an error.
  ALTER ROLE :"role" BYPASSRLS;
\endif
