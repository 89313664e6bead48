package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * Fills the tables of any schema, by its catalog: {@link GeneratedValues values} for columns, keys
 * of rows that are there for references. The server judges, with its constraints and the schema's
 * triggers at work: a row that it refuses is not there. The same at every run.
 */
final class GeneratedRows {
  private static final int FEWEST = 20;
  private static final int MOST = 200;
  private static final int TRIES_A_ROW = 5;

  private final Connection connection;
  private final GeneratedValues values;
  private final Map<String, String> empty = new TreeMap<>();

  private GeneratedRows(Connection connection) {
    this.connection = connection;
    this.values = new GeneratedValues(connection);
  }

  /**
   * What is there afterwards.
   *
   * @param tables a partitioned one counts as one
   * @param rows that were added
   * @param empty the tables that are left without a row, with what the server said last
   */
  record Filled(int tables, long rows, Map<String, String> empty) {
    String line() {
      return "%,d rows generated for %d tables%s"
          .formatted(rows, tables, empty.isEmpty() ? "" : "; empty: " + empty);
    }
  }

  /**
   * A column.
   *
   * @param required whether it takes no NULL
   * @param usual whether it has a default
   * @param given whether the server numbers or computes it
   */
  private record Column(
      String name, GeneratedValues.Pool pool, boolean required, boolean usual, boolean given) {}

  /**
   * A foreign key.
   *
   * @param table the referenced one
   * @param keys the referenced columns
   * @param required whether no column of it takes NULL
   */
  private record Reference(
      long table, String name, List<String> columns, List<String> keys, boolean required) {}

  private record Table(long oid, String name, List<Column> columns, List<Reference> references) {}

  /** Adds twenty to two hundred rows to each table, as far as the server takes them. */
  static Filled fill(PostgresServer server, String database) throws SQLException {
    try (Connection connection = server.connect(database)) {
      return new GeneratedRows(connection).fill();
    }
  }

  private Filled fill() throws SQLException {
    List<Table> left = tables();
    int tables = left.size();
    long rows = 0;
    while (!left.isEmpty()) {
      Table next = next(left);
      left.remove(next);
      rows += fill(next);
    }
    return new Filled(tables, rows, empty);
  }

  /** The first table whose references all lead to tables that had their turn, or to the fewest. */
  private static Table next(List<Table> left) {
    List<Long> waiting = left.stream().map(Table::oid).toList();
    return left.stream()
        .min(
            Comparator.comparingLong((Table table) -> open(table, waiting, true))
                .thenComparingLong(table -> open(table, waiting, false)))
        .orElseThrow();
  }

  private static long open(Table table, List<Long> waiting, boolean required) {
    return table.references().stream()
        .filter(reference -> reference.table() != table.oid())
        .filter(reference -> reference.required() == required)
        .filter(reference -> waiting.contains(reference.table()))
        .count();
  }

  private long fill(Table table) throws SQLException {
    Random random = new Random(table.name().hashCode());
    Map<Reference, List<List<String>>> keys = new HashMap<>();
    for (Reference reference : table.references()) {
      keys.put(reference, keys(reference));
    }
    int wanted = FEWEST + random.nextInt(MOST - FEWEST + 1);
    long added = 0;
    String refused = "";
    try (Statement statement = connection.createStatement()) {
      for (int i = 0; i < TRIES_A_ROW * wanted && added < wanted; i++) {
        try {
          statement.execute(insertion(table, keys, random));
          added++;
          for (Reference reference : table.references()) {
            if (reference.table() == table.oid()) {
              keys.put(reference, keys(reference));
            }
          }
        } catch (SQLException e) {
          refused = String.valueOf(e.getMessage()).replace('\n', ' ');
        }
      }
    }
    if (rows("SELECT FROM " + table.name() + " LIMIT 1").isEmpty()) {
      empty.put(table.name(), refused);
    }
    return added;
  }

  private static String insertion(
      Table table, Map<Reference, List<List<String>>> keys, Random random) {
    Map<String, String> row = new TreeMap<>();
    for (Column column : table.columns()) {
      if (column.given()) {
        continue;
      }
      boolean without = column.pool().isEmpty() || random.nextInt(7) == 0;
      if (without && column.usual() && (column.required() || random.nextBoolean())) {
        row.put(column.name(), "DEFAULT");
      } else if (without && !column.required()) {
        row.put(column.name(), "NULL");
      } else if (!column.pool().isEmpty()) {
        row.put(column.name(), Quoting.literal(column.pool().pick(random)));
      }
    }
    Map<String, String> bound = new HashMap<>();
    for (Reference reference : table.references()) {
      // Two references may share a column.
      List<List<String>> fitting =
          keys.getOrDefault(reference, List.of()).stream()
              .filter(key -> fits(reference, key, bound))
              .toList();
      boolean none = fitting.isEmpty() || (!reference.required() && random.nextInt(7) == 0);
      List<String> key = none ? List.of() : fitting.get(random.nextInt(fitting.size()));
      for (int i = 0; i < reference.columns().size(); i++) {
        String column = reference.columns().get(i);
        if (!none) {
          bound.put(column, Quoting.literal(key.get(i)));
        } else if (!reference.required()) {
          bound.putIfAbsent(column, "NULL");
        } else if (reference.table() == table.oid() && row.containsKey(reference.keys().get(i))) {
          // The first row of all refers to itself.
          bound.putIfAbsent(column, row.get(reference.keys().get(i)));
        }
      }
    }
    row.putAll(bound);
    return row.isEmpty()
        ? "INSERT INTO " + table.name() + " DEFAULT VALUES"
        : "INSERT INTO "
            + table.name()
            + " ("
            + String.join(", ", row.keySet())
            + ") VALUES ("
            + String.join(", ", row.values())
            + ")";
  }

  private static boolean fits(Reference reference, List<String> key, Map<String, String> bound) {
    for (int i = 0; i < key.size(); i++) {
      String there = bound.get(reference.columns().get(i));
      if (there != null && !there.equals(Quoting.literal(key.get(i)))) {
        return false;
      }
    }
    return true;
  }

  private List<List<String>> keys(Reference reference) throws SQLException {
    List<String> shown =
        reference.keys().stream().map(key -> key + "::text COLLATE \"C\"").toList();
    List<String> there = reference.keys().stream().map(key -> key + " IS NOT NULL").toList();
    return rows(
        "SELECT DISTINCT "
            + String.join(", ", shown)
            + " FROM "
            + reference.name()
            + " WHERE "
            + String.join(" AND ", there)
            + " ORDER BY "
            + String.join(", ", shown)
            + " LIMIT 1000");
  }

  private List<Table> tables() throws SQLException {
    List<Table> tables = new ArrayList<>();
    for (List<String> row :
        rows(
            """
            SELECT oid, oid::regclass FROM pg_class
            WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't'
              AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
              AND oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
            ORDER BY oid::regclass::text COLLATE "C"
            """)) {
      long oid = Long.parseLong(row.get(0));
      tables.add(new Table(oid, row.get(1), columns(oid), references(oid)));
    }
    return tables;
  }

  private List<Column> columns(long table) throws SQLException {
    List<Column> columns = new ArrayList<>();
    for (List<String> row :
        rows(
            """
            SELECT quote_ident(attname), atttypid, atttypmod, attnotnull, atthasdef,
              attidentity <> '' OR attgenerated <> '' OR coalesce(pg_get_expr(adbin, adrelid) LIKE 'nextval(%%', false),
              attnum
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = %d AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            """
                .formatted(table))) {
      List<String> checks =
          rows(
                  """
                  SELECT pg_get_constraintdef(oid) FROM pg_constraint
                  WHERE conrelid = %d AND contype = 'c' AND %s = ANY (conkey) ORDER BY conname
                  """
                      .formatted(table, row.get(6)))
              .stream()
              .map(check -> check.get(0))
              .toList();
      columns.add(
          new Column(
              row.get(0),
              values.of(Long.parseLong(row.get(1)), Integer.parseInt(row.get(2)), checks),
              row.get(3).equals("t"),
              row.get(4).equals("t"),
              row.get(5).equals("t")));
    }
    return columns;
  }

  private List<Reference> references(long table) throws SQLException {
    List<Reference> references = new ArrayList<>();
    for (List<String> row :
        rows(
            """
            SELECT confrelid, confrelid::regclass, %s, %s,
              (SELECT bool_and(attnotnull) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))
            FROM pg_constraint WHERE contype = 'f' AND conrelid = %d ORDER BY conname COLLATE "C"
            """
                .formatted(names("conkey", "conrelid"), names("confkey", "confrelid"), table))) {
      references.add(
          new Reference(
              Long.parseLong(row.get(0)),
              row.get(1),
              List.of(row.get(2).split("\u0001")),
              List.of(row.get(3).split("\u0001")),
              row.get(4).equals("t")));
    }
    return references;
  }

  /** The names of columns in the order of a constraint, with a character between them. */
  private static String names(String numbers, String table) {
    return """
        array_to_string(ARRAY(
          SELECT quote_ident(attname) FROM unnest(%s) WITH ORDINALITY u (number, place)
          JOIN pg_attribute ON attrelid = %s AND attnum = number ORDER BY place), E'\\x01')"""
        .formatted(numbers, table);
  }

  private List<List<String>> rows(String sql) throws SQLException {
    List<List<String>> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      while (row.next()) {
        List<String> one = new ArrayList<>();
        for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
          one.add(String.valueOf(row.getString(i)));
        }
        rows.add(one);
      }
    }
    return rows;
  }
}
