package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/**
 * The two sessions of one who copies: the source's sees the snapshot, the target's is in a
 * transaction of its own for each piece.
 *
 * @param from the session that reads
 * @param to the session that writes
 * @param alone whether no stream follows the snapshot, so that a look that comes late is seen by
 *     nobody
 */
record CopyPair(RowSession from, RowSession to, boolean alone) {

  /** Opens both, and exports the snapshot once more, so that it outlives whoever held it before. */
  static CopyPair open(CopySessions sessions, CopyRequest request)
      throws SQLException, Snapshots.Gone {
    int generation = request.generation();
    RowSession to = sessions.rowsToTarget();
    try {
      Connection target = to.connection();
      sessions.endEarlier(target);
      CopyGenerations generations = new CopyGenerations(target);
      if (!isClaimedBy(target, request.move().migration())) {
        throw Snapshots.Gone.of(generation);
      }
      RowSession from = sessions.rowsFromSource();
      try {
        Connection source = from.connection();
        sessions.endEarlier(source);
        generations.export(generation, generations.enter(source, generation));
        String slot = generations.find(generation).map(Generation::slot).orElse("");
        boolean alone = slot.isEmpty() || ClosedCopy.isBehindOne(slot);
        target.setAutoCommit(false);
        return new CopyPair(from, to, alone);
      } catch (SQLException | Snapshots.Gone | RuntimeException e) {
        from.close();
        throw e;
      }
    } catch (SQLException | Snapshots.Gone | RuntimeException e) {
      to.close();
      throw e;
    }
  }

  /** A late attempt finds the snapshot of somebody else, or nothing. */
  private static boolean isClaimedBy(Connection target, String migration) throws SQLException {
    return Authority.read(target).filter(row -> row.migration().equals(migration)).isPresent();
  }

  /** Reads from the source; sees the snapshot. */
  Connection source() {
    return from.connection();
  }

  /** Writes to the target. */
  Connection target() {
    return to.connection();
  }

  /** Answers of a piece may take as long as they need: {@link CopyProgress} watches it. */
  void beginPiece() throws SQLException {
    from.patience(Duration.ZERO);
    to.patience(Duration.ZERO);
  }

  /** Between pieces nothing takes long. */
  void endPiece() throws SQLException {
    from.patience(CopySessions.ANSWER);
    to.patience(CopySessions.ANSWER);
  }

  /** Ends both without asking them. */
  void abort() {
    from.abort();
    to.abort();
  }

  /** Ends both; what was under way is rolled back by the servers. */
  void close() {
    from.close();
    to.close();
  }
}
