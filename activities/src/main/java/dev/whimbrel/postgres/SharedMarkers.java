package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Markers where several streams share the tables. Each stream carries a table of its own; {@code
 * whimbrel.marker_forward} stays what everybody writes to and looks at. On the source a trigger
 * copies what is written there into each stream's table, in the same transaction. On the target it
 * is a view, which shows a marker when the last stream has brought it; whoever inserts into the
 * view, to hold the stream at a marker, holds all of them.
 */
final class SharedMarkers {
  /** How many streams share them, as a comment says; NULL where one stream has them alone. */
  private static final String SHARED_BY =
      "obj_description(to_regclass('whimbrel.marker_forward'), 'pg_class')";

  /** PL/pgSQL; the order is that in which they depend on each other. */
  private static final String DROP =
      """
        FOR r IN SELECT relname, relkind FROM pg_class WHERE relnamespace = to_regnamespace('whimbrel')
                    AND relkind IN ('r', 'v') AND relname ~ '^marker_forward(_[0-9]+)?$' ORDER BY relkind DESC LOOP
          EXECUTE format('DROP %s whimbrel.%I', CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, r.relname);
        END LOOP;
        DROP TABLE IF EXISTS whimbrel.shared_table;
        DROP FUNCTION IF EXISTS whimbrel.share_marker();
        DROP FUNCTION IF EXISTS whimbrel.hold_marker();
        DROP FUNCTION IF EXISTS whimbrel.streams_must_be_off() CASCADE;
      """;

  /** The state of who finds streams, or a copy, of another number of them; names what is there. */
  static final String OTHERS = "WHS01";

  /**
   * PL/pgSQL: nothing is changed under a stream, nor under a copy from which streams will begin.
   */
  private static final String REFUSE =
      """
        SELECT string_agg(name, ', ' ORDER BY name) INTO there FROM (
          SELECT 'subscription ' || subname FROM pg_subscription WHERE subname ~ '^whimbrel_.*_forward(_[0-9]+)?$'
             AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          UNION ALL
          SELECT 'replication slot ' || slot_name FROM pg_replication_slots
           WHERE slot_name ~ '^whimbrel_.*_(forward(_[0-9]+)?|copy_[0-9]+)$' AND database = current_database()) AS of_streams(name);
        IF there IS NOT NULL THEN
          RAISE EXCEPTION '%', there USING ERRCODE = 'WHS01';
        END IF;
      """;

  /** For a side where one stream has the markers alone: takes away what several have left. */
  static final String OF_ONE =
      "DO $do$ DECLARE r record; there text; BEGIN IF "
          + SHARED_BY
          + " ~ '^[0-9]+$' THEN\n"
          + REFUSE
          + DROP
          + "END IF; END $do$;\n";

  private SharedMarkers() {}

  /** Creates them in the shape of a side. Again is harmless. */
  static void create(Connection database, Side side, Move move) throws SQLException {
    List<String> each = Names.streams(move).stream().map(Names::forwardMarker).toList();
    try (Statement statement = database.createStatement()) {
      statement.execute(
          "CREATE SCHEMA IF NOT EXISTS whimbrel; DO $do$ DECLARE r record; there text; BEGIN IF "
              + SHARED_BY
              + " IS DISTINCT FROM '"
              + each.size()
              + "' THEN\n"
              + REFUSE
              + DROP
              + each.stream()
                  .map(table -> "CREATE TABLE " + table + Markers.SHAPE)
                  .collect(Collectors.joining())
              + (side == Side.SOURCE ? sharing(each) : showing(each) + guarding(move))
              + "END IF; END $do$");
    }
  }

  /** Drops whatever is there of them. Again is harmless. */
  static void drop(Connection database) throws SQLException {
    try (Statement statement = database.createStatement()) {
      statement.execute("DO $do$ DECLARE r record; BEGIN\n" + DROP + "END $do$");
    }
  }

  private static String sharing(List<String> each) {
    return "CREATE TABLE whimbrel.marker_forward"
        + Markers.SHAPE
        + "CREATE FUNCTION whimbrel.share_marker() RETURNS trigger LANGUAGE plpgsql AS $share$ BEGIN\n"
        + "IF TG_OP = 'DELETE' THEN\n"
        + each.stream()
            .map(table -> "DELETE FROM " + table + " WHERE id = OLD.id;\n")
            .collect(Collectors.joining())
        + "ELSE\n"
        + each.stream()
            .map(
                table ->
                    "INSERT INTO %s VALUES (NEW.id, NEW.writer, NEW.written_at);\n"
                        .formatted(table))
            .collect(Collectors.joining())
        + """
        END IF; RETURN NULL; END $share$;
        CREATE TRIGGER share_marker AFTER INSERT OR DELETE ON whimbrel.marker_forward
          FOR EACH ROW EXECUTE FUNCTION whimbrel.share_marker();
        ALTER TABLE whimbrel.marker_forward ENABLE ALWAYS TRIGGER share_marker;
        COMMENT ON TABLE whimbrel.marker_forward IS '%d';
        """
            .formatted(each.size());
  }

  /**
   * The target does not become the truth while a stream to it runs: a worker of an older release,
   * which would switch one off that is not there, opens nothing.
   */
  private static String guarding(Move move) {
    return """
        CREATE FUNCTION whimbrel.streams_must_be_off() RETURNS trigger LANGUAGE plpgsql AS $guard$ DECLARE others text; BEGIN
          SELECT string_agg(subname, ', ' ORDER BY subname) INTO others FROM pg_subscription WHERE subenabled AND subname ~ %s
             AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database());
          IF NEW.writable = 'target' AND others IS NOT NULL THEN
            RAISE EXCEPTION 'a stream from the source is not switched off: %%. What it has still to bring would be lost; a worker of an older release, or a runbook that says fewer subscriptions, does not know of it', others;
          END IF; RETURN NEW; END $guard$;
        CREATE TRIGGER streams_must_be_off BEFORE UPDATE ON whimbrel.authority
          FOR EACH ROW EXECUTE FUNCTION whimbrel.streams_must_be_off();
        """
        .formatted(Quoting.literal(new Names(move.migration()).forwardStreams()));
  }

  private static String showing(List<String> each) {
    return "CREATE VIEW whimbrel.marker_forward AS SELECT m1.id, m1.writer, m1.written_at FROM "
        + each.get(0)
        + " m1"
        + IntStream.range(1, each.size())
            .mapToObj(i -> " JOIN %s m%d USING (id)".formatted(each.get(i), i + 1))
            .collect(Collectors.joining())
        + ";\n"
        + "CREATE FUNCTION whimbrel.hold_marker() RETURNS trigger LANGUAGE plpgsql AS $hold$ BEGIN\n"
        + each.stream()
            .map(
                table ->
                    "INSERT INTO %s (id, writer) VALUES (NEW.id, NEW.writer);\n".formatted(table))
            .collect(Collectors.joining())
        + """
        RETURN NEW; END $hold$;
        CREATE TRIGGER hold_marker INSTEAD OF INSERT ON whimbrel.marker_forward
          FOR EACH ROW EXECUTE FUNCTION whimbrel.hold_marker();
        COMMENT ON VIEW whimbrel.marker_forward IS '%d';
        """
            .formatted(each.size());
  }
}
