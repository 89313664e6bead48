package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What copiers have sent of their pieces, in {@code whimbrel.copy_sent} on the target. The
 * transaction of one who fails or dies takes his rows back, and they are sent once more: what a
 * session beside it has written down every second is what that has cost.
 */
final class SentPieces {
  /** A turn is what one copier does at one piece; that it has ended is said by its transaction. */
  static final String CREATE =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.copy_sent (turn uuid PRIMARY KEY, bytes bigint NOT NULL);
      CREATE TABLE IF NOT EXISTS whimbrel.copy_ended (turn uuid PRIMARY KEY);
      """;

  private static final String ARE_KEPT =
      "SELECT pg_catalog.to_regclass('whimbrel.copy_sent') IS NOT NULL";

  private volatile @Nullable Turn turn;
  private volatile boolean kept;

  /** What was sent before does not count. */
  private record Turn(UUID id, long sentBefore) {}

  /** Looks whether the list is one that knows of turns: an earlier release has begun it if not. */
  void look(Connection target) throws SQLException {
    kept = Answers.holds(target, ARE_KEPT);
  }

  /** A turn begins, of a copier that has sent so much before. */
  void begin(long sent) {
    turn = new Turn(UUID.randomUUID(), sent);
  }

  /** What the turn that is under way has sent. */
  long underWay(long sent) {
    Turn now = turn;
    return now == null ? 0 : sent - now.sentBefore();
  }

  /** A statement that ends the turn with the transaction that has brought its rows. */
  String ending() {
    Turn now = turn;
    return now == null || !kept
        ? ""
        : "INSERT INTO whimbrel.copy_ended VALUES ('%s')".formatted(now.id());
  }

  /** Nobody is at a piece any more. */
  void over() {
    turn = null;
  }

  /** Writes down what the turn has sent until now. */
  void write(Connection beside, long sent) throws SQLException {
    Turn now = turn;
    if (now == null || !kept || sent <= now.sentBefore()) {
      return;
    }
    try (PreparedStatement insert =
        beside.prepareStatement(
            "INSERT INTO whimbrel.copy_sent VALUES (?, ?)"
                + " ON CONFLICT (turn) DO UPDATE SET bytes = excluded.bytes")) {
      insert.setObject(1, now.id());
      insert.setLong(2, sent - now.sentBefore());
      insert.executeUpdate();
    }
  }

  /** Bytes, as they were sent, of all turns that have not ended, once everything is copied. */
  static long again(Connection target) throws SQLException {
    return Answers.holds(target, ARE_KEPT)
        ? Long.parseLong(
            Answers.text(
                target,
                "SELECT coalesce(sum(bytes), 0) FROM whimbrel.copy_sent"
                    + " WHERE turn NOT IN (SELECT turn FROM whimbrel.copy_ended)"))
        : 0;
  }
}
