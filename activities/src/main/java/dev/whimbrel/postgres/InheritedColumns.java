package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;

/**
 * Names the tables whose columns will stand in another order: one that inherits is created with its
 * parents' columns first, and {@code pg_dump} has no other way.
 */
final class InheritedColumns {
  private static final String COLUMNS =
      "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
          + " AND NOT a.attisdropped";

  private static final String PLACE_IN_PARENTS =
      "(SELECT min(ARRAY[h.inhseqno, p.attnum]) FROM pg_inherits h JOIN pg_attribute p"
          + " ON p.attrelid = h.inhparent WHERE h.inhrelid = c.oid AND p.attname = a.attname"
          + " AND NOT p.attisdropped)";

  private static final String REORDERED =
      "c.relkind = 'r' AND NOT c.relispartition"
          + " AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)"
          + " AND ARRAY(%s ORDER BY a.attnum) <> ARRAY(%s ORDER BY %s NULLS LAST, a.attnum)"
              .formatted(COLUMNS, COLUMNS, PLACE_IN_PARENTS);

  private final Look look;
  private final Findings findings;
  private final String tables;

  /**
   * A check of some tables.
   *
   * @param tables the condition that they fulfil, as {@link TableChecks#TABLES}
   */
  InheritedColumns(Look look, Findings findings, String tables) {
    this.tables = tables;
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    String select = TableChecks.NAME + TableChecks.CLASSES + tables + REORDERED + " ORDER BY 1";
    for (Look.Row row : look.rows(Side.SOURCE, select)) {
      findings.warning(
          "column-order",
          Look.shortName(row.text(1)),
          "inherits columns: on the target these stand first, as in its parent, and SELECT * and"
              + " INSERT without column names see another order.",
          "name the columns in such statements");
    }
  }
}
