package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** What becomes of the rows of unlogged tables, which no stream carries. */
final class UnloggedChecks {
  private final Look look;
  private final Findings findings;
  private final Selection selection;

  UnloggedChecks(Look look, Findings findings, Selection selection) {
    this.look = look;
    this.findings = findings;
    this.selection = selection;
  }

  void run() throws SQLException {
    boolean able = look.isSuperuser(Side.SOURCE) && look.isSuperuser(Side.TARGET);
    Map<String, Long> sizes = new LinkedHashMap<>();
    for (Look.Row row : look.rows(Side.SOURCE, UnloggedTables.tables(selection.movesRows()))) {
      sizes.put(row.text(1), able ? text(row.text(1)) : Long.MAX_VALUE);
    }
    Set<String> small = UnloggedTables.small(sizes);
    for (String table : sizes.keySet()) {
      if (small.contains(table)) {
        findings.note(
            "unlogged",
            Look.shortName(table),
            "is unlogged and small (%s as text): its rows are carried within the pause, and compared by nobody"
                .formatted(Size.words(sizes.getOrDefault(table, 0L))));
      } else {
        leftBehind(
            table,
            "the table is carried, its rows are not"
                + (able ? ", since they are too large for the pause." : "."));
      }
    }
  }

  /** A source that is a standby shows none of them. */
  void runForStandby() throws SQLException {
    for (Look.Row row : look.rows(Side.SOURCE, UnloggedTables.tables(selection.movesRows()))) {
      leftBehind(
          row.text(1), "a standby has its definition only, and the clone has no rows of it.");
    }
  }

  private void leftBehind(String table, String what) {
    findings.warning(
        "unlogged",
        Look.shortName(table),
        "is unlogged: " + what,
        "ALTER TABLE " + table + " SET LOGGED;");
  }

  /** What its rows take as text; nobody waits for a table that is locked. */
  private long text(String table) throws SQLException {
    look.run(Side.SOURCE, "SET lock_timeout = '1s'; SET statement_timeout = '5s'");
    try {
      return look.row(Side.SOURCE, UnloggedTables.size(table, UnloggedTables.SMALL)).number(2);
    } catch (SQLException e) {
      return Long.MAX_VALUE;
    } finally {
      look.run(Side.SOURCE, "RESET lock_timeout; RESET statement_timeout");
    }
  }
}
