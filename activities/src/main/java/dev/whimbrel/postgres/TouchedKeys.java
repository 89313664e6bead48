package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Reads from a slot which rows were changed since it was created, and leaves the slot as it is. The
 * keys go to {@code whimbrel.copy_touched} on the target.
 */
final class TouchedKeys {
  /** Keys wait for each other until they, and what the driver needs beside them, are so long. */
  private static final int CHARACTERS_TOGETHER = 100_000;

  private static final int CHARACTERS_EACH = 100;

  private static final Duration SILENCE = Duration.ofMinutes(2);

  private final Connection target;
  private final Map<Integer, Relation> relations = new HashMap<>();
  private final Map<String, CopyTables.Keyed> tables;
  private final Set<String> anew = new HashSet<>();
  private final String markers;
  private final String marker;
  private final AtomicLong changes = new AtomicLong();
  private int waiting;
  private boolean complete;

  /**
   * Reads the slot's changes up to a marker.
   *
   * @param target a session in whose open transaction the keys are written
   * @param tables every table that is copied, by schema and name
   * @param markers the table of the stream's markers
   * @param marker the last change to be read
   */
  TouchedKeys(
      Connection target, Map<String, CopyTables.Keyed> tables, String markers, UUID marker) {
    this.target = target;
    this.markers = markers;
    this.tables = tables;
    this.marker = marker.toString();
  }

  /** A table of the stream; one that is not copied has an empty name. */
  private record Relation(String table, List<String> columns, List<String> key, boolean marker) {
    static final Relation UNKNOWN = new Relation("", List.of(), List.of(), false);

    boolean isKey(int column) {
      return column < columns.size() && key.contains(columns.get(column));
    }
  }

  /** Tables whose changes cannot be told by keys: emptied, or changed and without a key. */
  Set<String> anew() {
    return anew;
  }

  /** How many changes were read; may be asked by another thread. */
  long changes() {
    return changes.get();
  }

  /** Reads until the marker has come. */
  void read(RowSession replication, String slot, List<String> publications) throws SQLException {
    ChangeStream stream = new ChangeStream(replication, Side.SOURCE, slot, publications, SILENCE);
    try (PreparedStatement insert =
        target.prepareStatement("INSERT INTO whimbrel.copy_touched VALUES (?, ?)")) {
      while (!complete) {
        take(stream, insert);
      }
      insert.executeBatch();
    }
    stream.end();
  }

  private void take(ChangeStream stream, PreparedStatement insert) throws SQLException {
    switch (stream.next()) {
      case 'R' -> relations.put(stream.number(), relation(stream));
      case 'I', 'U', 'D' -> {
        Relation relation = of(stream);
        while (stream.hasMore()) {
          row(relation, stream, insert);
        }
      }
      case 'T' -> {
        int count = stream.number();
        stream.skip(1);
        for (int i = 0; i < count; i++) {
          anew.add(of(stream).table());
        }
      }
      default -> {
        // BEGIN, COMMIT, TYPE, ORIGIN: nothing that names a row
      }
    }
  }

  private Relation of(ChangeStream stream) throws SQLException {
    return relations.getOrDefault(stream.number(), Relation.UNKNOWN);
  }

  private Relation relation(ChangeStream message) throws SQLException {
    PgOutput.Relation sent = PgOutput.relation(message);
    List<String> columns = sent.columns().stream().map(PgOutput.Column::name).toList();
    if (Quoting.shown(sent.schema(), sent.name()).equals(markers)) {
      return new Relation("", columns, List.of("id"), true);
    }
    CopyTables.Keyed table = tables.get(CopyTables.name(sent.schema(), sent.name()));
    return table == null
        ? Relation.UNKNOWN
        : new Relation(table.relation(), columns, table.key(), false);
  }

  /** One image of a row: old key, old row or new row. */
  private void row(Relation relation, ChangeStream message, PreparedStatement insert)
      throws SQLException {
    message.skip(1);
    List<PgOutput.Value> sent = PgOutput.row(message, relation::isKey);
    Map<String, @Nullable String> values = new HashMap<>();
    for (int i = 0; i < sent.size(); i++) {
      if (sent.get(i).text() != null) {
        values.put(relation.columns().get(i), sent.get(i).text());
      }
    }
    changes.incrementAndGet();
    if (relation.marker()) {
      complete |= marker.equals(values.get("id"));
    } else if (relation.table().isEmpty()) {
      return;
    } else if (relation.key().isEmpty() || values.size() < relation.key().size()) {
      anew.add(relation.table());
    } else {
      insert.setString(1, relation.table());
      List<@Nullable String> key = relation.key().stream().map(values::get).toList();
      insert.setArray(2, target.createArrayOf("text", key.toArray()));
      insert.addBatch();
      waiting += CHARACTERS_EACH + key.stream().mapToInt(String::length).sum();
      if (waiting >= CHARACTERS_TOGETHER) {
        insert.executeBatch();
        waiting = 0;
      }
    }
  }
}
