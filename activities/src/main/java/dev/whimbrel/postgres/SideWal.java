package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The log that one server keeps for the migration's slots; looked at by a session of its own. */
final class SideWal implements AutoCloseable {
  private static final Duration ANSWER = Duration.ofSeconds(10);

  /** Sizes of databases are read file by file. */
  private static final Duration BETWEEN_LIMITS = Duration.ofMinutes(10);

  private final Databases databases;
  private final Move move;
  private final Side side;
  private final WalGrowth growth = new WalGrowth();
  private @Nullable Connection open;
  private @Nullable WalLimit limit;
  private Deadline limitHolds = new Deadline(Duration.ZERO);

  SideWal(Databases databases, Move move, Side side) {
    this.databases = databases;
    this.move = move;
    this.side = side;
  }

  /**
   * What was seen.
   *
   * @param side the side
   * @param slots how many slots of the migration are there
   * @param kept bytes that the one furthest behind keeps
   * @param limit what it is held against
   * @param perMinute how fast it grows
   * @param until when the limit is reached; null where it is not
   * @param takesWrites whether the side is the truth, and open
   * @param released why its slots were dropped at a limit; null where they were not
   */
  record Seen(
      Side side,
      int slots,
      long kept,
      WalLimit limit,
      long perMinute,
      @Nullable Duration until,
      boolean takesWrites,
      @Nullable String released) {

    /** From here on people are told. */
    private static final double NEAR = 0.8;

    boolean isNear() {
      return kept >= limit.bytes() * NEAR;
    }

    boolean isReached() {
      return slots > 0 && kept >= limit.bytes();
    }
  }

  /** One look. */
  Seen look() throws SQLException {
    try {
      return look(connection());
    } catch (SQLException e) {
      close();
      throw e;
    }
  }

  private Seen look(Connection database) throws SQLException {
    Optional<Authority.Row> row = Authority.read(database);
    boolean own = row.isPresent() && row.get().migration().equals(move.migration());
    WalLimit said = limit(database);
    Kept kept = kept(database, move);
    growth.look(Instant.now(), kept.bytes());
    WalLimit applies = said.orOf(kept.serversOwn());
    return new Seen(
        side,
        kept.slots(),
        kept.bytes(),
        applies,
        growth.perMinute(),
        growth.until(applies.bytes()).orElse(null),
        own && row.get().writable() == side,
        own ? ReleasedSlots.why(database).orElse(null) : null);
  }

  private WalLimit limit(Connection database) throws SQLException {
    WalLimit known = limit;
    if (known == null || limitHolds.passed()) {
      known = WalLimit.of(move, side, database);
      limit = known;
      limitHolds = new Deadline(BETWEEN_LIMITS);
    }
    return known;
  }

  /**
   * What the slots keep.
   *
   * @param serversOwn at how much the server drops the first of them by itself; null where it does
   *     not
   */
  record Kept(int slots, long bytes, @Nullable Long serversOwn) {}

  /** What the slots of a migration keep on a server now. */
  static Kept kept(Connection database, Move move) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row =
            statement.executeQuery(
                """
                SELECT count(*), coalesce(max(kept), 0), min(kept + greatest(safe_wal_size, 0))
                         FILTER (WHERE safe_wal_size IS NOT NULL) FROM (
                  SELECT greatest(0, pg_catalog.pg_wal_lsn_diff(
                           pg_catalog.pg_current_wal_lsn(), restart_lsn))::bigint AS kept, safe_wal_size
                    FROM pg_catalog.pg_replication_slots
                   WHERE restart_lsn IS NOT NULL AND slot_name ~ %s) s"""
                    .formatted(Quoting.literal(new Names(move.migration()).ownSlots())))) {
      row.next();
      return new Kept(row.getInt(1), row.getLong(2), row.getObject(3, Long.class));
    }
  }

  private Connection connection() throws SQLException {
    Connection now = open;
    if (now == null || now.isClosed()) {
      now = databases.open(move.on(side), name(move), ANSWER);
      open = now;
      limit = null;
    }
    return now;
  }

  private static String name(Move move) {
    return Names.applicationName(move.migration(), "watch-wal");
  }

  @Override
  public void close() {
    Connection now = open;
    open = null;
    if (now != null) {
      Heartbeats.abort(now);
    }
  }
}
