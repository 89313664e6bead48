package dev.whimbrel.postgres;

/**
 * What gives a table a key by which its rows are found, where they are not found by all columns.
 *
 * @param usable whether its primary key already serves
 * @param keyed whether it has a primary key, of whatever kind
 * @param partition whether it is a partition, whose columns are its parent's
 * @param typed whether it is of a type, which has its columns
 * @param inherited whether others inherit from it: they get a new column, but no identity
 * @param column a name that neither it nor whoever inherits from it uses
 * @param index a name for an index that no other one has
 */
record OfferedKey(
    boolean usable,
    boolean keyed,
    boolean partition,
    boolean typed,
    boolean inherited,
    String column,
    String index) {

  /**
   * Columns for a query of {@code pg_class c}. A table that inherits gets a name that its parent
   * would not choose.
   */
  static final String FACTS =
      """
      EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate
                AND NOT EXISTS (SELECT FROM pg_attribute g WHERE g.attrelid = c.oid
                                  AND g.attnum = ANY (i.indkey) AND g.attgenerated <> '')),
      EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
      c.relispartition, c.reloftype <> 0,
      EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid),
      coalesce((
        SELECT f.name FROM unnest(ARRAY['id', 'row_id', 'row_key']) WITH ORDINALITY f(name, place)
         WHERE NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)
           AND NOT EXISTS (
             WITH RECURSIVE heirs AS (
               SELECT c.oid AS heir UNION SELECT h.inhrelid FROM pg_inherits h JOIN heirs ON h.inhparent = heir)
             SELECT FROM heirs JOIN pg_attribute u ON u.attrelid = heir WHERE u.attname = f.name)
         ORDER BY f.place LIMIT 1), 'id_' || c.oid),
      'whimbrel_key_' || c.oid""";

  /**
   * Reads {@link #FACTS}.
   *
   * @param first the number of their first column
   */
  static OfferedKey of(Look.Row row, int first) {
    return new OfferedKey(
        row.holds(first),
        row.holds(first + 1),
        row.holds(first + 2),
        row.holds(first + 3),
        row.holds(first + 4),
        row.text(first + 5),
        row.text(first + 6));
  }

  /** The statements, or in words what no statement for the table itself can do. */
  String sql(String table) {
    if (usable) {
      return "ALTER TABLE %s REPLICA IDENTITY DEFAULT;".formatted(table);
    }
    if (partition || typed) {
      return "give %s a primary key of types that can be compared"
          .formatted(partition ? "the table of which this is a partition" : "the table's type");
    }
    String type =
        inherited
            ? "uuid NOT NULL DEFAULT gen_random_uuid()"
            : "bigint GENERATED ALWAYS AS IDENTITY";
    if (!keyed) {
      return "ALTER TABLE %s ADD COLUMN %s %s, ADD PRIMARY KEY (%s), REPLICA IDENTITY DEFAULT;"
          .formatted(table, column, type, column);
    }
    return "ALTER TABLE %s ADD COLUMN %s %s, ADD CONSTRAINT %s UNIQUE (%s);"
            .formatted(table, column, type, index, column)
        + " ALTER TABLE %s REPLICA IDENTITY USING INDEX %s;".formatted(table, index);
  }
}
