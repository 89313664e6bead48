package dev.whimbrel.postgres;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets DDL meet the fence: a table that is made on the closed side would have none, and take
 * writes. An event trigger counts a command that leaves a permanent table without a closed fence as
 * a write to the empty table {@code whimbrel.ddl}, which is locked, closed and opened together with
 * the service's tables. So DDL waits for a hand-over under way as every writer does, is refused by
 * the same trigger with the same SQLSTATE, and a hand-over waits for DDL that is not committed.
 * Nothing is read: an older snapshot would read an older truth.
 *
 * <p>Temporary tables, indexes and changes that leave the fence closed pass on both sides. Who sets
 * {@code whimbrel.same_change} makes the change of the other side here too: the new table is born
 * closed. Event triggers need a superuser, or what a provider has in its place; without the right
 * nothing but the table is there.
 */
final class DdlFence {
  /** The table that stands for every table to come. */
  static final String TABLE = "whimbrel.ddl";

  private static final String OBJECTS =
      """
      CREATE SCHEMA IF NOT EXISTS whimbrel;
      CREATE TABLE IF NOT EXISTS whimbrel.ddl ();
      CREATE OR REPLACE FUNCTION whimbrel.fence_ddl() RETURNS event_trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $fence$
      DECLARE
        open_tables oid[] := '{}';
        t record;
      BEGIN
        IF tg_event = 'sql_drop' THEN
          IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
                          WHERE d.object_type = 'trigger' AND (d.object_identity LIKE 'whimbrel\\_fence%%' OR d.object_identity LIKE 'whimbrel\\_closing%%'
                              AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('whimbrel.ddl')
                                             AND tgname = 'whimbrel_closing' AND tgenabled = 'A'))) THEN
            RETURN;
          END IF;
        ELSE
          -- One by one: a join would be planned for a catalog of another size.
          FOR t IN SELECT d.objid FROM pg_event_trigger_ddl_commands() d
                    WHERE d.classid = 'pg_class'::regclass LOOP
            IF EXISTS (SELECT FROM pg_class c WHERE c.oid = t.objid AND c.relkind IN ('r', 'p', 'f')
                          AND c.relpersistence <> 't' AND c.relnamespace <> 'whimbrel'::regnamespace)
               AND NOT (EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.objid AND tgname = 'whimbrel_fence'
                                   AND tgenabled = 'A')
                    AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.objid AND tgname = 'whimbrel_fence_truncate'
                                   AND tgenabled IN ('O', 'A'))) THEN
              open_tables := open_tables || t.objid;
            END IF;
          END LOOP;
          IF open_tables = '{}' THEN
            RETURN;
          END IF;
        END IF;
        -- Kept to the end: while a table is made closed here, nobody opens this side.
        LOCK TABLE whimbrel.ddl IN ROW EXCLUSIVE MODE;
        BEGIN
          DELETE FROM whimbrel.ddl WHERE false;
        EXCEPTION WHEN read_only_sql_transaction THEN
          IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'whimbrel.ddl'::regclass AND tgname = 'whimbrel_fence' AND tgenabled = 'A') THEN
            RAISE EXCEPTION 'cannot %%: this database is closed for writes while it is copied', tg_tag
              USING ERRCODE = 'read_only_sql_transaction', HINT = 'Try again later: the service is being moved.';
          END IF;
          IF coalesce(current_setting('whimbrel.same_change', true), '') <> 'on'
             OR tg_tag NOT IN ('CREATE TABLE', 'CREATE SCHEMA', 'ALTER TABLE') THEN
            RAISE EXCEPTION 'cannot %%: this database is closed, writes go to the other side', tg_tag
              USING ERRCODE = 'read_only_sql_transaction',
                    HINT = 'Connect again: the service was moved, or its move is not finished. To make a change of the other side here too: SET whimbrel.same_change = on; a table that is made then is born closed.';
          END IF;
          FOR t IN SELECT c.oid::regclass AS name, %1$s
                     FROM pg_class c WHERE c.oid = ANY (open_tables) AND c.relkind IN ('r', 'p') LOOP
            %2$s
          END LOOP;
        END;
      END $fence$;
      """
          .formatted(FenceSql.HAS_TRIGGERS, FenceSql.CLOSE_ONE);

  /** Where the right is missing nothing is made: whoever asks {@link #guards} hears it. */
  private static final String TRIGGERS =
      """
      DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'whimbrel_ddl') THEN
          CREATE EVENT TRIGGER whimbrel_ddl ON ddl_command_end
            WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE FOREIGN TABLE',
                         'IMPORT FOREIGN SCHEMA', 'CREATE SCHEMA', 'ALTER TABLE')
            EXECUTE FUNCTION whimbrel.fence_ddl();
          ALTER EVENT TRIGGER whimbrel_ddl ENABLE ALWAYS;
        END IF;
        IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'whimbrel_ddl_drop') THEN
          CREATE EVENT TRIGGER whimbrel_ddl_drop ON sql_drop WHEN TAG IN ('DROP TRIGGER')
            EXECUTE FUNCTION whimbrel.fence_ddl();
          ALTER EVENT TRIGGER whimbrel_ddl_drop ENABLE ALWAYS;
        END IF;
      EXCEPTION WHEN insufficient_privilege THEN NULL;
      END $$""";

  /** Remembers since when DDL that is not committed is waited for. */
  private static final String REMEMBER =
      """
      DO $$ BEGIN
        IF obj_description('whimbrel.ddl'::regclass, 'pg_class') IS NULL THEN
          EXECUTE format('COMMENT ON TABLE whimbrel.ddl IS %L',
            to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
        END IF;
      END $$""";

  /** The moment that {@link #REMEMBER} keeps; NULL while nothing guards. */
  static final String SINCE =
      "obj_description(to_regclass('whimbrel.ddl'), 'pg_class')::timestamptz";

  private static final String MAKERS =
      """
      SELECT quote_ident(r.rolname) FROM pg_roles r
       WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
         AND has_database_privilege(r.oid, (SELECT oid FROM pg_database WHERE datname = current_database()), 'CONNECT')
         AND EXISTS (SELECT FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_%'
                        AND n.nspname NOT IN ('information_schema', 'whimbrel')
                        AND has_schema_privilege(r.oid, n.oid, 'CREATE'))
       ORDER BY 1""";

  private DdlFence() {}

  /**
   * Puts table, function and, where the rights allow it, event triggers in place. The connection
   * must be in autocommit mode. Again is harmless, and changes nothing that is there.
   */
  static void install(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(OBJECTS);
      statement.execute(TRIGGERS);
      // After the COMMIT: a transaction that begins later meets the trigger.
      if (guards(database)) {
        statement.execute(REMEMBER);
      }
    }
  }

  /** Drops the event triggers: from now on DDL meets nothing. Again is harmless. */
  static void lift(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(
          "DROP EVENT TRIGGER IF EXISTS whimbrel_ddl; DROP EVENT TRIGGER IF EXISTS whimbrel_ddl_drop");
    }
  }

  /** Whether the event trigger is in place. */
  static boolean guards(Connection database) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'whimbrel_ddl' AND evtenabled = 'A')")) {
      row.next();
      return row.getBoolean(1);
    }
  }

  /** Whether this role may make event triggers: asked with one that no server would make. */
  static boolean mayGuard(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute(
          "CREATE EVENT TRIGGER whimbrel_may ON ddl_command_end EXECUTE FUNCTION pg_catalog.now()");
      throw new SQLException("an event trigger was made of a function that is none");
    } catch (SQLException e) {
      if (SqlFailures.is(e, "42501")) {
        return false;
      }
      if (SqlFailures.is(e, "42P17")) {
        return true; // The function has another type: the right was looked at before.
      }
      throw e;
    }
  }

  /** What has to be known where nothing guards. */
  static Finding unguarded(Connection database, Side side) throws SQLException {
    List<String> makers = new ArrayList<>();
    try (Statement statement = database.createStatement();
        ResultSet rows = statement.executeQuery(MAKERS)) {
      while (rows.next()) {
        makers.add(rows.getString(1));
      }
    }
    return new Finding(
        Finding.Level.WARNING,
        "ddl-fence",
        side.word(),
        "its role may not make event triggers: a table that is made while the %s is closed takes writes until it is seen, within seconds in the rollback window.%s"
            .formatted(
                side.word(),
                makers.isEmpty()
                    ? ""
                    : " Besides superusers, " + String.join(", ", makers) + " may make tables."),
        "let nobody make tables on the side that is closed, or use a role that may make event triggers, such as a superuser");
  }
}
