package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;

/** What of the source's tables a stream cannot carry, or carries differently than one may think. */
final class TableChecks {
  static final String TABLES =
      " WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'whimbrel')"
          + " AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass"
          + " AND e.objid = c.oid AND e.deptype = 'e') AND ";

  static final String CLASSES = " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";

  static final String NAME = "SELECT format('%I.%I', n.nspname, c.relname)";

  /** Types without an equality, by which a row under REPLICA IDENTITY FULL is never found. */
  private static final String NO_EQUALITY =
      "('json', 'xml', 'point', 'box', 'path', 'polygon', 'line', 'lseg', 'circle')";

  private static final long MANY_ROWS = 10_000;
  private static final int DETACHING_CONCURRENTLY = 14;

  private final Look look;
  private final Findings findings;
  private final Selection selection;
  private final String moving;
  private final String movingRows;

  TableChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
    this.moving = TABLES + selection.moves() + " AND ";
    this.movingRows = TABLES + selection.movesRows() + " AND ";
  }

  void run() throws SQLException {
    if (!look.move().offline()) {
      replicaIdentity();
      identityByAllColumns();
      generatedIdentity();
    }
    halfDetached();
    notCarried();
    new LargeObjectChecks(look, findings, selection).run();
    triggers();
    new EventTriggerChecks(look, findings).run();
    indexes();
    sequences(false);
    new InheritedColumns(look, findings, moving).run();
  }

  /**
   * What a clone does not hold, or not as the source does.
   *
   * @param standby whether the source is one
   */
  void runForClone(boolean standby) throws SQLException {
    if (standby) {
      new UnloggedChecks(look, findings, selection).runForStandby();
    }
    foreignTables("what is behind it.");
    new LargeObjectChecks(look, findings, selection).runForClone();
    new EventTriggerChecks(look, findings).run();
    indexes();
    sequences(standby);
    new InheritedColumns(look, findings, moving).run();
  }

  private void replicaIdentity() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", c.relreplident, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid"
                + " AND i.indisprimary), (SELECT quote_ident(x.relname) FROM pg_index i JOIN"
                + " pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisunique"
                + " AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL"
                + " AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_attribute a"
                + " WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull)"
                + " ORDER BY 1 LIMIT 1)"
                + CLASSES
                + movingRows
                + "c.relkind = 'r' AND c.relpersistence = 'p' AND NOT "
                + PublishedTables.HAS_IDENTITY
                + " ORDER BY 1")) {
      String why =
          switch (row.text(2)) {
            case "n" -> "its replica identity is NOTHING";
            case "i" -> "the index of its replica identity is gone";
            default -> row.holds(3) ? "its primary key is deferrable" : "no primary key";
          };
      findings.blocker(
          "replica-identity",
          Look.shortName(row.text(1)),
          "UPDATE and DELETE cannot be replicated: " + why + ".",
          "ALTER TABLE %s REPLICA IDENTITY %s;"
              .formatted(
                  row.text(1), row.text(4).isEmpty() ? "FULL" : "USING INDEX " + row.text(4)));
    }
  }

  private void identityByAllColumns() throws SQLException {
    String full =
        movingRows + "c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident = 'f'";
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, NULL), ', '), "
                + OfferedKey.FACTS
                + CLASSES
                + " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT"
                + " a.attisdropped JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b"
                + " ON b.oid IN (t.typbasetype, t.typelem)"
                + full
                + " AND (t.typname IN "
                + NO_EQUALITY
                + " OR b.typname IN "
                + NO_EQUALITY
                + ")"
                + " GROUP BY 1, c.oid, c.relispartition, c.reloftype")) {
      findings.blocker(
          "identity-without-equality",
          Look.shortName(row.text(1)),
          "UPDATE and DELETE would stop the stream: REPLICA IDENTITY FULL compares "
              + row.text(2)
              + ", a type without equality.",
          OfferedKey.of(row, 3).sql(row.text(1)));
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME + ", c.reltuples::bigint" + CLASSES + full + " AND c.reltuples > " + MANY_ROWS)) {
      findings.warning(
          "identity-full",
          Look.shortName(row.text(1)),
          "has REPLICA IDENTITY FULL: each UPDATE and DELETE searches "
              + row.number(2)
              + " rows on the target"
              + (look.major(Side.TARGET) >= 16 ? ", unless an index helps." : "."),
          "give it a primary key");
    }
  }

  private void generatedIdentity() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", quote_ident(a.attname)"
                + CLASSES
                + " JOIN pg_index i ON i.indrelid = c.oid AND (i.indisreplident OR i.indisprimary"
                + " AND c.relreplident = 'd') JOIN pg_attribute a ON a.attrelid = c.oid AND"
                + " a.attnum = ANY (i.indkey) AND a.attgenerated <> ''"
                + movingRows
                + "c.relkind = 'r'")) {
      findings.blocker(
          "generated-identity",
          Look.shortName(row.text(1)),
          "its key holds the generated column " + row.text(2) + ", which a stream does not carry.",
          "ALTER TABLE " + row.text(1) + " REPLICA IDENTITY FULL;");
    }
  }

  /** A dump attaches such a partition again, and the catalogs would differ for good. */
  private void halfDetached() throws SQLException {
    if (look.major(Side.SOURCE) < DETACHING_CONCURRENTLY) {
      return;
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", h.inhparent::regclass"
                + CLASSES
                + " JOIN pg_inherits h ON h.inhrelid = c.oid AND h.inhdetachpending"
                + moving
                + "true ORDER BY 1")) {
      findings.blocker(
          "half-detached",
          Look.shortName(row.text(1)),
          "is still a partition of %s, whose DETACH PARTITION … CONCURRENTLY is under way, or was interrupted."
              .formatted(row.text(2)),
          "ALTER TABLE %s DETACH PARTITION %s FINALIZE;".formatted(row.text(2), row.text(1)));
    }
  }

  private void foreignTables(String reached) throws SQLException {
    for (Look.Row row :
        look.rows(Side.SOURCE, NAME + CLASSES + moving + "c.relkind = 'f' ORDER BY 1")) {
      findings.warning(
          "foreign-table",
          Look.shortName(row.text(1)),
          "is a foreign table: its definition is carried; the target's server must reach "
              + reached,
          null);
    }
  }

  private void notCarried() throws SQLException {
    new UnloggedChecks(look, findings, selection).run();
    foreignTables("what is behind it, and writes to it pass the fence.");
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME + CLASSES + moving + "c.relkind = 'm' AND c.relispopulated ORDER BY 1")) {
      boolean closed = look.move().offline();
      findings.advice(
          "materialized-view",
          Look.shortName(row.text(1)),
          "is refreshed on the target at the end of the copy, and not by the stream"
              + (closed ? "" : ": at the hand-over it is as old as that."),
          closed
              ? null
              : "REFRESH MATERIALIZED VIEW " + row.text(1) + "; -- there, before the hand-over");
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", string_agg(quote_ident(a.attname), ', ')"
                + CLASSES
                + " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> ''"
                + moving
                + "c.relkind = 'r' GROUP BY 1 ORDER BY 1")) {
      findings.note(
          "generated-columns",
          Look.shortName(row.text(1)),
          "the target computes " + row.text(2) + " itself");
    }
    long temporary =
        look.number(
            Side.SOURCE,
            "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'");
    if (temporary > 0) {
      findings.note(
          "temporary-tables",
          "source",
          temporary + " temporary tables are in use: sessions lose theirs at the switchover");
    }
  }

  private void triggers() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + ", quote_ident(g.tgname), g.tgenabled"
                + CLASSES
                + " JOIN pg_trigger g ON g.tgrelid = c.oid"
                + moving
                + "NOT g.tgisinternal AND g.tgenabled IN ('A', 'R')"
                + " AND g.tgname !~ '^whimbrel_'")) {
      findings.warning(
          "always-trigger",
          Look.shortName(row.text(1)),
          "its trigger %s (ENABLE %s) fires on the target for every replicated row too."
              .formatted(row.text(2), row.text(3).equals("A") ? "ALWAYS" : "REPLICA"),
          "ALTER TABLE %s ENABLE TRIGGER %s;".formatted(row.text(1), row.text(2)));
    }
  }

  private void indexes() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + CLASSES
                + " JOIN pg_index i ON i.indexrelid = c.oid"
                + TABLES
                + selection.moves("i.indrelid")
                + " AND NOT i.indisvalid AND c.relkind = 'i'")) {
      findings.warning(
          "invalid-index",
          Look.shortName(row.text(1)),
          "is an invalid index and is not carried.",
          "REINDEX INDEX " + row.text(1) + "; -- or DROP INDEX " + row.text(1) + ";");
    }
  }

  /** A standby does not read those that are not logged: these are left out. */
  private void sequences(boolean onlyLogged) throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            NAME
                + CLASSES
                + moving
                + (onlyLogged ? "c.relpersistence = 'p' AND " : "")
                + "CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'SELECT')"
                + " ELSE false END ORDER BY 1")) {
      findings.blocker(
          "sequence-privilege",
          Look.shortName(row.text(1)),
          "cannot be read, so that its value cannot be carried.",
          "GRANT SELECT ON SEQUENCE " + row.text(1) + " TO " + look.role(Side.SOURCE) + ";");
    }
  }
}
