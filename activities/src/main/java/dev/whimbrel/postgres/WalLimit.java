package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.WalSpec;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/**
 * How much of its log one side may keep for the slots.
 *
 * @param bytes the limit
 * @param because what it rests on, in words
 * @param then what is done at it
 */
record WalLimit(long bytes, String because, Then then) {
  /** Where nobody has said how large the disk is: less than this is kept by any server. */
  private static final long LEAST_GUESS = 10L << 30;

  private static final String GUESS = "a guess: ";

  /** Those that may be looked at; the others count as empty. */
  private static final String DATABASES =
      "SELECT coalesce(sum(pg_catalog.pg_database_size(oid)), 0)::bigint FROM pg_catalog.pg_database"
          + " WHERE datallowconn AND (pg_catalog.has_database_privilege(oid, 'CONNECT')"
          + " OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE'))";

  /** What is done at the limit. */
  enum Then {
    /** Drop the slots of the side that takes the writes. */
    RELEASE,
    /** Park, and ask a person. */
    ASK,
    /** Say so, and go on. */
    WARN
  }

  /** The limit on one side, as the runbook says or as follows from what it says. */
  static WalLimit of(Move move, Side side, Connection database) throws SQLException {
    return of(move, side, database, 0);
  }

  /**
   * The limit on a side whose databases are still to grow.
   *
   * @param stillToCome by so many bytes
   */
  static WalLimit of(Move move, Side side, Connection database, long stillToCome)
      throws SQLException {
    WalSpec said = move.wal() == null ? new WalSpec(null, null) : move.wal();
    if (said.limit() != null) {
      return new WalLimit(
          Size.parse(said.limit()), "as the runbook says", then(said.then(), Then.RELEASE));
    }
    long databases = databases(database) + stillToCome;
    String storage = move.on(side).storage();
    long free = storage == null ? 0 : Size.parse(storage) - databases;
    if (free > 0) {
      return new WalLimit(
          free / 2,
          "half of what storage %s leaves beside the databases".formatted(storage),
          then(said.then(), Then.RELEASE));
    }
    return new WalLimit(
        Math.max(LEAST_GUESS, databases),
        storage == null
            ? GUESS + "the runbook says nothing of its disk"
            : GUESS + "the databases are larger than storage " + storage,
        then(said.then(), Then.ASK));
  }

  /** Whether nobody has said how much room there is. */
  boolean isGuess() {
    return because.startsWith(GUESS);
  }

  /**
   * The same where the server drops a slot by itself before the limit is reached: it guards its
   * disk, and nothing is gained by doing so sooner.
   */
  WalLimit orOf(@Nullable Long serversOwn) {
    return serversOwn == null || serversOwn >= bytes
        ? this
        : new WalLimit(
            serversOwn,
            "max_slot_wal_keep_size, at which the server drops the slot by itself",
            then == Then.RELEASE ? Then.ASK : then);
  }

  private static Then then(@Nullable String word, Then otherwise) {
    return word == null ? otherwise : Then.valueOf(word.toUpperCase(java.util.Locale.ROOT));
  }

  private static long databases(Connection database) throws SQLException {
    try (Statement statement = database.createStatement();
        ResultSet row = statement.executeQuery(DATABASES)) {
      row.next();
      return row.getLong(1);
    }
  }

  /** {@code 5 GB (as the runbook says)}. */
  String words() {
    return "%s (%s)".formatted(Size.words(bytes), because);
  }
}
