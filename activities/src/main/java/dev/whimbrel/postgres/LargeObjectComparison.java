package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Compares large objects by number and content. Streams do not carry them. */
final class LargeObjectComparison {
  private static final int AT_ONCE = 500;

  private final Pair pair;
  private final Tally tally;

  LargeObjectComparison(Pair pair, Tally tally) {
    this.pair = pair;
    this.tally = tally;
  }

  void run() throws SQLException {
    long after = -1;
    while (true) {
      @Nullable Long upTo = boundary(pair.truth(), after);
      Map<Long, String> truth = read(pair.truth(), after, upTo);
      Map<Long, String> follower = read(pair.follower(), after, upTo);
      compare(truth, follower);
      if (upTo == null) {
        return;
      }
      after = upTo;
    }
  }

  private void compare(Map<Long, String> truth, Map<Long, String> follower) {
    truth.forEach(
        (oid, content) -> {
          String other = follower.get(oid);
          if (other == null) {
            tally.difference("large object %d: missing on the %s".formatted(oid, tally.follower()));
          } else if (!other.equals(content)) {
            tally.difference("large object %d: differs".formatted(oid));
          }
        });
    follower.forEach(
        (oid, content) -> {
          if (!truth.containsKey(oid)) {
            tally.difference("large object %d: only on the %s".formatted(oid, tally.follower()));
          }
        });
  }

  private static @Nullable Long boundary(Connection connection, long after) throws SQLException {
    Long[] found = new Long[1];
    new Query()
        .add(
            "select oid::int8 from pg_largeobject_metadata where oid::int8 > ? order by oid offset "
                + (AT_ONCE - 1)
                + " limit 1",
            after)
        .run(connection, row -> found[0] = row.getLong(1));
    return found[0];
  }

  private static Map<Long, String> read(Connection connection, long after, @Nullable Long upTo)
      throws SQLException {
    Map<Long, String> contents = new TreeMap<>();
    new Query()
        .add(
            "select oid::int8, encode(sha256(lo_get(oid)), 'hex') from pg_largeobject_metadata"
                + " where oid::int8 > ? and oid::int8 <= ?",
            after,
            upTo == null ? Long.MAX_VALUE : upTo)
        .run(
            connection,
            row -> contents.put(row.getLong(1), Objects.requireNonNull(row.getString(2))));
    return contents;
  }
}
