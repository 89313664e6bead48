package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.UUID;

/**
 * A marker's row that somebody has begun to insert on the target, so that the stream that brings it
 * waits there, with every lane of it. It is never committed.
 */
final class HeldMarker {
  /** Whoever freezes while the stream waits for him is let go of by his server after this. */
  static final String FROZEN = "1s";

  private static final String NOT_ARRIVED = "WB001";

  private final Connection session;
  private final Stream stream;
  private final Duration arrives;

  /**
   * Holds markers by a session on the target.
   *
   * @param arrives how long a marker may be on its way
   */
  HeldMarker(Connection session, Stream stream, Duration arrives) {
    this.session = session;
    this.stream = stream;
    this.arrives = arrives;
  }

  /** Begins to insert the marker's row on the target; returns the transaction's number. */
  String hold(UUID marker, String writer) throws SQLException {
    session.setAutoCommit(false);
    Verbatim.execute(
        session,
        "INSERT INTO %s (id, writer) VALUES ('%s', %s)"
            .formatted(Markers.table(stream.from()), marker, Quoting.literal(writer)));
    return Answers.text(session, "SELECT pg_current_xact_id()::xid");
  }

  /** Returns when the stream waits for that transaction: everything before the marker is there. */
  boolean awaitStream(String transaction) throws SQLException {
    try {
      Verbatim.execute(
          session,
          """
          DO $$
          DECLARE
            until timestamptz := clock_timestamp() + interval '%d milliseconds';
            looks int := 0;
          BEGIN
            WHILE (SELECT count(DISTINCT w.subname) FROM pg_locks l JOIN pg_stat_subscription w ON w.pid = l.pid
                    WHERE l.locktype = 'transactionid' AND NOT l.granted AND l.transactionid = '%s'::xid
                      AND w.subname = %s) < %d LOOP
              IF clock_timestamp() > until THEN
                RAISE EXCEPTION 'the marker did not arrive' USING ERRCODE = '%s';
              END IF;
              looks := looks + 1;
              PERFORM pg_sleep(least(0.02, 0.001 + looks * 0.00001));
            END LOOP;
          END $$"""
              .formatted(
                  arrives.toMillis(),
                  transaction,
                  PublishedTables.anyOf(stream.subscriptions()),
                  stream.lanes().size(),
                  NOT_ARRIVED));
      return true;
    } catch (SQLException e) {
      if (SqlFailures.is(e, NOT_ARRIVED)) {
        return false;
      }
      throw e;
    }
  }

  /**
   * Lets the stream go on.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where its server has done so
   *     already: then nobody knows what the target's snapshot holds
   */
  void letGo() {
    try {
      session.rollback();
    } catch (SQLException e) {
      throw Failures.transientFailure(
          "The target's server ended the session that held the stream at a marker: "
              + SqlFailures.firstLine(e));
    }
  }

  /** Ends the session without asking it, also while it waits; its server rolls back. */
  void abort() {
    Heartbeats.abort(session);
  }
}
