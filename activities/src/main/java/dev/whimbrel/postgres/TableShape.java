package dev.whimbrel.postgres;

import java.util.List;
import java.util.Map;

/**
 * A table as one server's catalog describes it.
 *
 * @param schema its schema
 * @param name its name
 * @param columns live columns by name, in the order of the table; dropped ones are not there
 * @param keys unique keys whose columns are all NOT NULL, best first; column names
 * @param rows the planner's estimate
 * @param reason why its rows cannot be compared, or empty when they can
 */
record TableShape(
    String schema,
    String name,
    Map<String, Column> columns,
    List<List<String>> keys,
    long rows,
    String reason) {

  /** Why the rows of a table that is not logged are not compared. */
  static final String UNLOGGED = "it is unlogged: streams do not carry it";

  /** Why the rows of a table are not compared whose rows the runbook leaves out. */
  static final String ROWS_LEFT_OUT = "the runbook leaves its rows out";

  /** Whether the runbook leaves its rows out. */
  boolean leavesRowsOut() {
    return reason.equals(ROWS_LEFT_OUT);
  }

  /** The same where what is not logged was copied too. */
  TableShape withUnlogged() {
    return reason.equals(UNLOGGED) ? new TableShape(schema, name, columns, keys, rows, "") : this;
  }

  /** The same where something else keeps its rows from being compared. */
  TableShape notCompared(String why) {
    return new TableShape(schema, name, columns, keys, rows, why);
  }

  /** Its name as people write it. */
  String label() {
    return Quoting.shown(schema, name);
  }

  /**
   * A column.
   *
   * @param type its type, quoted and qualified, without a length
   * @param fullType its type as people write it
   * @param usableInKey whether its equality is known without looking into other schemas
   * @param sortsAlike whether every server sorts its values in the same order
   * @param generated whether it is computed from other columns
   */
  record Column(
      String type, String fullType, boolean usableInKey, boolean sortsAlike, boolean generated) {}
}
