package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Measures lag as the travel time of markers; one is under way at a time. */
final class Lag {
  /** How long one look may take: watchers must heartbeat in between. */
  private static final Duration SLICE = Duration.ofSeconds(1);

  private final Connection source;
  private final Connection target;
  private final String table;
  private final String writer;
  private final Duration slice;
  private @Nullable UUID underWay;
  private long written;
  private boolean arrived;

  /** Works through connections in autocommit mode. */
  Lag(Connection source, Connection target, String writer) {
    this(source, target, writer, SLICE);
  }

  /**
   * As {@link #Lag(Connection, Connection, String)}.
   *
   * @param slice how long one look may take
   */
  Lag(Connection source, Connection target, String writer, Duration slice) {
    this(source, target, Markers.table(Side.SOURCE), writer, slice);
  }

  /**
   * As {@link #Lag(Connection, Connection, String, Duration)}.
   *
   * @param table the marker's table of the stream that is measured
   */
  Lag(Connection source, Connection target, String table, String writer, Duration slice) {
    this.source = source;
    this.target = target;
    this.table = table;
    this.writer = writer;
    this.slice = slice;
  }

  /**
   * Looks for a slice of time at most: the travel time, or the age of a marker that is still
   * missing.
   */
  Duration look() throws SQLException {
    UUID marker = underWay;
    if (marker == null) {
      written = System.nanoTime();
      marker = Markers.write(source, table, writer);
      underWay = marker;
    }
    arrived = Markers.await(target, table, marker, slice);
    Duration age = Duration.ofNanos(System.nanoTime() - written);
    if (arrived) {
      underWay = null;
    }
    return age;
  }

  /** Whether the last look saw its marker arrive. */
  boolean arrived() {
    return arrived;
  }

  /** WAL that the target has not confirmed, by the slot that is furthest behind. */
  static long bytes(Connection source, List<String> slots) throws SQLException {
    String sql =
        "SELECT coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint::text"
            + " FROM pg_replication_slots WHERE slot_name = "
            + PublishedTables.anyOf(slots);
    return PublishedTables.names(source, sql).stream().mapToLong(Long::parseLong).max().orElse(0);
  }

  /** Counts what applications have written of what moves, as the source's statistics know it. */
  static long writes(Connection source, Selection selection) throws SQLException {
    return Long.parseLong(
        PublishedTables.names(
                source,
                "SELECT coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::bigint::text"
                    + " FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid"
                    + " WHERE s.schemaname <> 'whimbrel' AND "
                    + selection.movesRows())
            .get(0));
  }
}
