package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Brings the tables of both sides together by name, with what can be compared of each. */
final class TablePairing {
  private final Tally tally;
  private final boolean plainBytes;

  TablePairing(Tally tally, boolean plainBytes) {
    this.tally = tally;
    this.plainBytes = plainBytes;
  }

  /** A pairing of what both databases hold. */
  static TablePairing of(Pair pair, Tally tally) throws SQLException {
    return new TablePairing(tally, plainBytes(pair));
  }

  /** Whether both databases hold bytes of no declared encoding. */
  private static boolean plainBytes(Pair pair) throws SQLException {
    boolean plain = true;
    for (Connection connection : List.of(pair.truth(), pair.follower())) {
      try (var statement = connection.createStatement();
          var row = statement.executeQuery("show server_encoding")) {
        row.next();
        plain &= "SQL_ASCII".equals(row.getString(1));
      }
    }
    return plain;
  }

  /**
   * The tables that both sides have, biggest first; those that only one side has are found by
   * {@link CatalogComparison}.
   */
  List<ComparedTable> pair(Map<String, TableShape> truth, Map<String, TableShape> follower) {
    List<ComparedTable> pairs = new ArrayList<>();
    for (TableShape shape : truth.values()) {
      TableShape other = follower.get(shape.label());
      if (other != null && shape.leavesRowsOut() != other.leavesRowsOut()) {
        tally.difference(
            "%s: the runbook leaves its rows out on the %s alone: renamed, or attached to another table, since the copy?"
                .formatted(
                    shape.label(), shape.leavesRowsOut() ? tally.truth() : tally.follower()));
      } else if (!shape.reason().isEmpty()) {
        tally.notCompared(shape.label() + ": " + shape.reason());
      } else if (other != null && !other.reason().isEmpty()) {
        tally.notCompared(shape.label() + ": on the " + tally.follower() + " " + other.reason());
      } else if (other != null) {
        pairs.add(pair(shape, other));
      }
    }
    pairs.sort(Comparator.comparingLong(ComparedTable::rows).reversed());
    return pairs;
  }

  private ComparedTable pair(TableShape truth, TableShape follower) {
    List<String> columns =
        truth.columns().keySet().stream().filter(follower.columns()::containsKey).toList();
    @Nullable List<String> key = commonKey(truth, follower);
    List<String> names = key == null ? List.of() : key;
    return new ComparedTable(
        truth.schema(),
        truth.name(),
        columns,
        columns.stream()
            .filter(
                name -> type(truth, name).equals("bytea") && type(follower, name).equals("bytea"))
            .toList(),
        columns.stream().filter(name -> column(follower, name).generated()).toList(),
        names,
        names.stream().map(name -> column(truth, name).type()).toList(),
        names.stream()
            .allMatch(
                name -> column(truth, name).sortsAlike() && column(follower, name).sortsAlike()),
        truth.rows(),
        plainBytes);
  }

  /** A key that both sides have an index for, with values that either side can be asked for. */
  private static @Nullable List<String> commonKey(TableShape truth, TableShape follower) {
    for (List<String> key : truth.keys()) {
      if (follower.keys().contains(key)
          && key.stream()
              .allMatch(
                  name ->
                      column(truth, name).usableInKey()
                          && column(truth, name).type().equals(column(follower, name).type()))) {
        return key;
      }
    }
    return null;
  }

  private static String type(TableShape shape, String name) {
    return column(shape, name).fullType();
  }

  private static TableShape.Column column(TableShape shape, String name) {
    TableShape.Column column = shape.columns().get(name);
    if (column == null) {
      throw new IllegalArgumentException("no column " + name + " in " + shape.label());
    }
    return column;
  }
}
