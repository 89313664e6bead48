package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The gaining side's part of a crossing: where the way back starts, and transaction G. */
final class Opening {
  private static final Duration CALL = Duration.ofSeconds(5);

  /**
   * How long the COMMIT that opens may take, and 2 s for its answer. It flushes a few kilobytes; a
   * synchronous standby that needs longer is not waited for while both sides are closed.
   */
  static final Duration COMMIT = Duration.ofSeconds(2);

  /** An apply worker leaves after {@code wal_writer_delay}, which may be ten seconds. */
  private static final Duration WORKER_GONE = Duration.ofSeconds(12);

  private final Session gaining;
  private final Stream stream;
  private final Names names;
  private final Authority.Row row;
  private final boolean wayBack;
  private boolean committed;

  Opening(Session gaining, Stream stream, Names names, Authority.Row row, boolean wayBack) {
    this.gaining = gaining;
    this.stream = stream;
    this.names = names;
    this.row = row;
    this.wayBack = wayBack;
  }

  /** Brings {@code base} close to the present, outside the pause: advancing decodes. */
  void approach() throws SQLException {
    if (wayBack) {
      gaining.run(
          "SELECT pg_replication_slot_advance(%s, pg_current_wal_insert_lsn())"
              .formatted(Quoting.literal(names.baseSlot())),
          Duration.ofSeconds(60));
    }
  }

  /**
   * Steps 4 to 6: everything of G but its COMMIT, in one message. It waits on the server until the
   * marker is there, flushes, carries the sequences over, and makes the way back start here.
   *
   * @param marker null where nothing needs to arrive
   * @param sequences of the losing side, as {@link Sequences#read} returns them
   * @param unlogged as {@link UnloggedRows#write} returns it
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where the marker does not
   *     arrive within the limit
   */
  void prepare(
      @Nullable UUID marker,
      List<List<@Nullable String>> sequences,
      String unlogged,
      long epoch,
      Duration limit)
      throws SQLException {
    String transaction =
        """
        BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL statement_timeout = %d;
        SET LOCAL synchronous_commit = on;
        DO $$ DECLARE t record; BEGIN %s
          %s %s %s %s
        END $$%s"""
            .formatted(
                limit.toMillis(),
                marker == null ? "" : mustHaveArrived(marker),
                stop(stream),
                Authority.compareAndSet(row, row.side(), epoch, null, null),
                FenceSql.OPENING,
                marker == null ? "" : LargeObjectPass.FROM_HERE_ON,
                unlogged);
    try {
      gaining.run(
          marker == null
              ? transaction
              : drain(marker, sequences, limit) + moveWayBack() + transaction,
          limit.plus(Duration.ofSeconds(1)));
    } catch (SQLException e) {
      if (SqlFailures.is(e, Markers.NOT_ARRIVED)) {
        throw Failures.transientFailure(
            "The stream to the %s did not drain within %d ms"
                .formatted(row.side().word(), limit.toMillis()));
      }
      throw e;
    }
  }

  /**
   * Steps 3 and 4. Its COMMIT also flushes what was applied lazily, and shows before the hand-over
   * that a synchronous standby answers.
   */
  private String drain(UUID marker, List<List<@Nullable String>> sequences, Duration limit) {
    return "BEGIN; %s; SELECT pg_logical_emit_message(true, 'whimbrel', 'flush'); %s; COMMIT; "
        .formatted(
            Markers.awaitSql(stream, marker, limit), Sequences.carry(sequences, Sequences.MARGIN));
  }

  /**
   * Step 5. The copy is on disk at once; an advanced position is not before the next checkpoint,
   * and a crash would send rows of the forward stream back.
   */
  private String moveWayBack() {
    return wayBack
        ? """
        BEGIN; SELECT pg_replication_slot_advance(%1$s, pg_current_wal_insert_lsn());
        SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %2$s;
        SELECT pg_copy_logical_replication_slot(%1$s, %2$s); COMMIT;
        """
            .formatted(Quoting.literal(names.baseSlot()), Quoting.literal(names.liveSlot()))
        : "";
  }

  /** Step 8. */
  void commit() throws SQLException {
    gaining.run("COMMIT", COMMIT);
    committed = true;
  }

  /** Whether the server has said that the side is open. */
  boolean committed() {
    return committed;
  }

  /** Opens the side that had handed over to one that never opened; its streams stay as they are. */
  void openAgain(Authority.Row handedOver, long epoch, @Nullable String note, Duration limit)
      throws SQLException {
    gaining.run(
        "BEGIN; DO $$ DECLARE t record; BEGIN "
            + Authority.compareAndSet(handedOver, row.side(), epoch, null, note)
            + FenceSql.OPENING
            + " END $$",
        limit);
    commit();
  }

  /** PL/pgSQL that ends every lane of a stream which leads here. */
  static String stop(Stream stream) {
    return stream.subscriptions().stream()
        .map(
            name ->
                """
                IF EXISTS (SELECT 1 FROM pg_subscription WHERE subname = %s
                            AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
                  EXECUTE 'ALTER SUBSCRIPTION %s DISABLE';
                END IF;
                """
                    .formatted(Quoting.literal(name), Quoting.identifier(name)))
        .collect(Collectors.joining());
  }

  /** PL/pgSQL that raises unless every table is closed. */
  static String mustBeClosed() {
    return """
        IF EXISTS (SELECT 1 FROM %s AND NOT EXISTS (SELECT 1 FROM pg_trigger g
             WHERE g.tgrelid = c.oid AND g.tgname = 'whimbrel_fence' AND g.tgenabled = 'A')) THEN
          RAISE EXCEPTION 'a table of the side that never opened is not closed';
        END IF;
        """
        .formatted(Fence.TABLES.replace("%", "%%"))
        .replace("%%", "%");
  }

  /**
   * Starts the stream from the target back to the source, once every worker of the stream that came
   * is gone. Again is harmless.
   *
   * @return whether there is one
   */
  boolean startStream(Session target, Session source) throws SQLException {
    Deadline gone = new Deadline(WORKER_GONE);
    while (!gone.passed()
        && target.value(
                "SELECT 1 FROM pg_stat_subscription w JOIN pg_subscription s ON s.oid = w.subid WHERE s.subname ~ %s AND w.pid IS NOT NULL AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    .formatted(Quoting.literal(names.forwardStreams())),
                CALL)
            != null) {
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    // Of the source's own disk alone: its standby may be what held the hand-over up, and who finds
    // the stream off starts it again.
    source.run(
        "SET LOCAL synchronous_commit = local; ALTER SUBSCRIPTION "
            + Quoting.identifier(names.reverseSubscription())
            + " ENABLE",
        CALL);
    return true;
  }

  /** Ends what is still connected to the losing side and is not ours, where the rights allow it. */
  void endLeftOver(Session losing) throws SQLException {
    losing.run(
        """
        DO $$ DECLARE s record; BEGIN
          FOR s IN SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                   AND backend_type = 'client backend' AND pid <> pg_backend_pid()
                   AND application_name NOT LIKE 'whimbrel %' LOOP
            BEGIN PERFORM pg_terminate_backend(s.pid);
            EXCEPTION WHEN insufficient_privilege THEN NULL; -- the fence holds without it
            END;
          END LOOP;
        END $$""",
        CALL);
  }

  private String mustHaveArrived(UUID marker) {
    return """
        IF NOT (%s) THEN
          RAISE EXCEPTION 'the marker %s is not there' USING ERRCODE = '%s';
        END IF;
        """
        .formatted(stream.arrived(marker), marker, Markers.NOT_ARRIVED);
  }
}
