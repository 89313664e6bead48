package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.replication.LogSequenceNumber;
import org.postgresql.replication.PGReplicationStream;

/**
 * Reads from a slot which rows were changed since it was created, and leaves the slot as it is. The
 * keys go to {@code whimbrel.copy_touched} on the target.
 */
final class TouchedKeys {
  private static final int TOGETHER = 1000;
  private static final Duration SILENCE = Duration.ofMinutes(2);
  private static final Duration REST = Duration.ofMillis(10);

  private final Connection target;
  private final Map<Integer, Relation> relations = new HashMap<>();
  private final Map<String, CopyTables.Keyed> tables;
  private final Set<String> anew = new HashSet<>();
  private final String marker;
  private long changes;
  private int waiting;
  private boolean complete;

  /**
   * Reads the slot's changes up to a marker.
   *
   * @param target a session in whose open transaction the keys are written
   * @param tables every table that is copied, by schema and name
   * @param marker the last change to be read
   */
  TouchedKeys(Connection target, Map<String, CopyTables.Keyed> tables, UUID marker) {
    this.target = target;
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

  /** How many changes were read. */
  long changes() {
    return changes;
  }

  /** Reads until the marker has come. */
  void read(Connection replication, String slot, String publication) throws SQLException {
    try (PreparedStatement insert =
            target.prepareStatement("INSERT INTO whimbrel.copy_touched VALUES (?, ?)");
        PGReplicationStream stream =
            replication
                .unwrap(PGConnection.class)
                .getReplicationAPI()
                .replicationStream()
                .logical()
                .withSlotName(slot)
                // Else the driver tells the server by itself that all of it is done with.
                .withAutomaticFlush(false)
                .withSlotOption("proto_version", 1)
                .withSlotOption("publication_names", publication)
                .start()) {
      Instant heard = Instant.now();
      LogSequenceNumber reached = LogSequenceNumber.INVALID_LSN;
      while (!complete) {
        ByteBuffer message = stream.readPending();
        if (message != null) {
          heard = Instant.now();
          take(message, insert);
          continue;
        }
        LogSequenceNumber now = stream.getLastReceiveLSN();
        if (!now.equals(reached)) {
          reached = now;
          heard = Instant.now();
        }
        Heartbeats.beat(
            Progress.of("reading what was changed since: %,d changes".formatted(changes)));
        if (Duration.between(heard, Instant.now()).compareTo(SILENCE) > 0) {
          throw Failures.transientFailure(
              "Cannot read what was changed: slot " + slot + " has been silent for 2 min");
        }
        Pause.of(REST);
      }
      insert.executeBatch();
    }
  }

  private void take(ByteBuffer message, PreparedStatement insert) throws SQLException {
    switch (message.get()) {
      case 'R' -> relations.put(message.getInt(), relation(message));
      case 'I' -> row(of(message), message, insert);
      case 'U', 'D' -> {
        Relation relation = of(message);
        while (message.hasRemaining()) {
          row(relation, message, insert);
        }
      }
      case 'T' -> {
        int count = message.getInt();
        message.get();
        for (int i = 0; i < count; i++) {
          anew.add(of(message).table());
        }
      }
      default -> {
        // BEGIN, COMMIT, TYPE, ORIGIN: nothing that names a row
      }
    }
  }

  private Relation of(ByteBuffer message) {
    return relations.getOrDefault(message.getInt(), Relation.UNKNOWN);
  }

  private Relation relation(ByteBuffer message) {
    PgOutput.Relation sent = PgOutput.relation(message);
    List<String> columns = sent.columns().stream().map(PgOutput.Column::name).toList();
    if (Quoting.shown(sent.schema(), sent.name()).equals(Markers.table(Side.SOURCE))) {
      return new Relation("", columns, List.of("id"), true);
    }
    CopyTables.Keyed table = tables.get(CopyTables.name(sent.schema(), sent.name()));
    return table == null
        ? Relation.UNKNOWN
        : new Relation(table.relation(), columns, table.key(), false);
  }

  /** One image of a row: old key, old row or new row. */
  private void row(Relation relation, ByteBuffer message, PreparedStatement insert)
      throws SQLException {
    List<PgOutput.Value> sent = PgOutput.row(message, relation::isKey);
    Map<String, @Nullable String> values = new HashMap<>();
    for (int i = 0; i < sent.size(); i++) {
      if (sent.get(i).text() != null) {
        values.put(relation.columns().get(i), sent.get(i).text());
      }
    }
    changes++;
    if (relation.marker()) {
      complete |= marker.equals(values.get("id"));
    } else if (relation.table().isEmpty()) {
      return;
    } else if (relation.key().isEmpty() || values.size() < relation.key().size()) {
      anew.add(relation.table());
    } else {
      insert.setString(1, relation.table());
      insert.setArray(
          2, target.createArrayOf("text", relation.key().stream().map(values::get).toArray()));
      insert.addBatch();
      if (++waiting >= TOGETHER) {
        insert.executeBatch();
        waiting = 0;
      }
    }
  }
}
