package dev.whimbrel.postgres;

import java.util.List;

/**
 * A table that both sides have, with what is compared of it.
 *
 * @param schema its schema
 * @param name its name
 * @param columns names of the columns that both sides have, in one order for both
 * @param bytea which of these hold {@code bytea}, and are hashed before they become text
 * @param generated which of these the server computes, so that nobody may write them
 * @param key the columns of a key that both sides have; empty when they share none
 * @param keyTypes types of the key's columns, quoted and qualified
 * @param sortsAlike whether both servers sort the key in the same order
 * @param rows the planner's estimate on the side that takes the writes
 * @param plainBytes whether text is hashed as it lies on the disk: both databases are SQL_ASCII
 */
record ComparedTable(
    String schema,
    String name,
    List<String> columns,
    List<String> bytea,
    List<String> generated,
    List<String> key,
    List<String> keyTypes,
    boolean sortsAlike,
    long rows,
    boolean plainBytes) {
  String label() {
    return Quoting.shown(schema, name);
  }

  boolean hasKey() {
    return !key.isEmpty();
  }
}
