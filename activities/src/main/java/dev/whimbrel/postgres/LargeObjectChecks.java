package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;

/** Whether large objects can go over, and what they cost in the pause. */
final class LargeObjectChecks {
  static final String NOT_ABLE_FIX =
      "let Whimbrel connect to both sides as a superuser, or move them into columns, for example: UPDATE t SET data ="
          + " lo_get(t.lob_oid); then SELECT lo_unlink(oid) FROM pg_largeobject_metadata;";

  /** Of pg_largeobject, looked through: a quarter of what was measured in memory. */
  private static final long BYTES_A_MILLI = 1_000_000;

  /** Counting objects, on either side: half of what was measured. */
  private static final long OBJECTS_A_MILLI = 5_000;

  /**
   * What one pass brings in less than eight minutes, at ten megabytes a second: an attempt at a
   * hand-over or a rollback lasts for fifteen, and may have to begin with all of it.
   */
  static final long MOST = 4L << 30;

  private final Look look;
  private final Findings findings;
  private final Selection selection;

  LargeObjectChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  void run() throws SQLException {
    long count = count(look, Side.SOURCE);
    boolean able = able();
    occupied(able);
    if (count > 0 && carried(count, able)) {
      pause(count);
      superusers();
      leftOut();
    }
  }

  /** A clone copies them as its snapshot shows them: nothing is brought later. */
  void runForClone() throws SQLException {
    long count = count(look, Side.SOURCE);
    occupied(true);
    if (count > 0 && carried(count, able())) {
      findings.note(
          "large-objects",
          "source",
          "holds %,d large objects, which one session copies before the tables".formatted(count));
    }
  }

  private boolean able() throws SQLException {
    return look.isSuperuser(Side.SOURCE) && look.isSuperuser(Side.TARGET);
  }

  private boolean carried(long count, boolean able) throws SQLException {
    if (!able) {
      findings.blocker(
          "large-objects",
          "source",
          "holds " + count + " large objects, which only superusers may carry.",
          NOT_ABLE_FIX);
      return false;
    }
    if (look.holds(Side.SOURCE, LargeObjectRows.LABELS)) {
      findings.blocker(
          "large-objects",
          "source",
          "has security labels on large objects, which are not carried.",
          "SECURITY LABEL FOR … ON LARGE OBJECT … IS NULL;");
    }
    if (!look.setting(Side.SOURCE, "block_size").equals(look.setting(Side.TARGET, "block_size"))) {
      findings.blocker(
          "large-objects",
          "target",
          "its blocks have another size than the source's, and so have the pieces of its large objects.",
          "use a server that was built with the same block size");
    }
    return true;
  }

  /** Nobody could tell them from the source's; also where that one has none yet. */
  private void occupied(boolean able) throws SQLException {
    long there = count(look, Side.TARGET);
    if (there == 0 || Authority.read(look.target()).isPresent()) {
      return;
    }
    if (able) {
      findings.blocker(
          "large-objects",
          "target",
          "holds " + there + " large objects already; the source's may have the same numbers.",
          "on the target: SELECT lo_unlink(oid) FROM pg_largeobject_metadata;");
    } else {
      findings.warning(
          "large-objects",
          "target",
          "holds "
              + there
              + " large objects, which only superusers may carry: a rollback would ask.",
          "on the target: SELECT lo_unlink(oid) FROM pg_largeobject_metadata;");
    }
  }

  /** What looking for the last writes adds to the pause; 0 where there are no large objects. */
  static long millis(Look look) throws SQLException {
    long count = count(look, Side.SOURCE);
    return count == 0
        ? 0
        : 1
            + look.number(Side.SOURCE, "SELECT pg_relation_size('pg_largeobject')") / BYTES_A_MILLI
            + 2 * count / OBJECTS_A_MILLI;
  }

  private void pause(long count) throws SQLException {
    long millis = millis(look);
    long bytes = look.number(Side.SOURCE, "SELECT pg_relation_size('pg_largeobject')");
    if (bytes > MOST) {
      findings.blocker(
          "large-objects",
          "source",
          "holds %,d large objects in %s: a rollback that has to bring all of them anew, as after a fail-over, would never end (more than %s)."
              .formatted(count, Size.words(bytes), Size.words(MOST)),
          "move them into columns, or out of the database; VACUUM FULL pg_largeobject where most of it is dead");
    }
    String what =
        "holds %,d large objects in %s: looking which were written last takes about %d ms of the pause"
            .formatted(count, Size.words(bytes), millis);
    if (millis > look.move().pauseBudget().toMillis() / 2) {
      findings.blocker(
          "large-objects",
          "source",
          what + ", which is more than half of its budget.",
          "cutover: {pauseBudget: %ds}, or move them into columns"
              .formatted(millis * 2 / 1000 + 1));
    } else {
      findings.note("large-objects", "source", what);
    }
  }

  /** Objects belong to no table, and all of them move: also those that only such a table names. */
  private void leftOut() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            TableChecks.NAME
                + TableChecks.CLASSES
                + TableChecks.TABLES
                + "c.relkind IN ('r', 'p') AND NOT ("
                + selection.movesRows()
                + ") AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid"
                + " AND a.attnum > 0 AND NOT a.attisdropped AND t.typname IN ('oid', 'lo')) ORDER BY 1")) {
      findings.warning(
          "large-objects-left-out",
          Look.shortName(row.text(1)),
          "keeps its rows on the source, and its large objects move, where no row names them: RUN NO vacuumlo ON THE TARGET, since a rollback removes here what is removed there.",
          null);
    }
  }

  /** The functions are taken from everybody, and from a superuser nothing can be taken. */
  private void superusers() throws SQLException {
    List<Look.Row> users =
        look.rows(
            Side.SOURCE,
            "SELECT DISTINCT quote_ident(a.usename) || CASE WHEN r.rolsuper THEN '' ELSE ', a member of one' END FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid"
                + " WHERE a.datname = current_database() AND a.backend_type = 'client backend'"
                + " AND (r.rolsuper OR pg_has_role(r.oid, 10, 'USAGE'))"
                + " AND a.application_name NOT LIKE 'whimbrel %' ORDER BY 1");
    if (!users.isEmpty()) {
      findings.warning(
          "large-objects-superuser",
          "source",
          "is used by superusers (%s): nothing keeps them from writing large objects on the side that is closed, and these stay there."
              .formatted(users.stream().map(row -> row.text(1)).collect(Collectors.joining(", "))),
          "let applications use roles that are none, and no members of the one that owns the functions");
    }
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
                + " JOIN pg_roles r ON r.oid = p.proowner WHERE p.prosecdef AND r.rolsuper"
                + " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'whimbrel')"
                + " AND p.prosrc ~* '\\m(lo_|lowrite)' ORDER BY 1")) {
      findings.warning(
          "large-objects-superuser",
          row.text(1),
          "runs as its owner, a superuser, and seems to write large objects: nothing keeps it from that on the side that is closed.",
          "ALTER FUNCTION " + row.text(1) + " OWNER TO …; -- a role without SUPERUSER");
    }
  }

  private static long count(Look look, Side side) throws SQLException {
    return look.number(side, "SELECT count(*) FROM pg_largeobject_metadata");
  }
}
