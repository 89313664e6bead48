package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What must be true of the stream that leaves the losing side, before writes are held up. */
final class ReadyStream {
  private static final Duration CALL = Duration.ofSeconds(10);

  /**
   * A stream that was just enabled: up to PostgreSQL 15 the launcher starts at most one apply
   * worker in {@code wal_retrieve_retry_interval} (5 s) and begins to wait anew when it is woken
   * early.
   */
  private static final Duration STREAM_STARTS = Duration.ofSeconds(11);

  private static final Duration ONE_MORE = Duration.ofSeconds(5);

  private final Sessions sessions;
  private final Truth truth;
  private final SwitchoverRequest request;
  private final Pulse pulse;
  private final Side to;
  private final Side from;
  private final Stream stream;

  ReadyStream(
      Sessions sessions, Truth truth, SwitchoverRequest request, Pulse pulse, Stream stream) {
    this.sessions = sessions;
    this.truth = truth;
    this.request = request;
    this.pulse = pulse;
    this.to = request.to();
    this.from = stream.from();
    this.stream = stream;
  }

  /** Every lane is there, switched on and in step, and no other one is. */
  void isWhole() throws SQLException {
    Optional<String> released = ReleasedSlots.why(sessions.on(from).connection(CALL));
    if (released.isPresent()) {
      throw Failures.needsHelp(
          "There is no stream to the %s any more: %s".formatted(to.word(), released.get()),
          "the %s stays the truth; abandon the migration, or start it again".formatted(from.word()),
          "whimbrel abandon " + request.move().migration() + " --reason …");
    }
    if (from == Side.SOURCE) {
      Sharing.mustBeOurs(sessions.on(to).connection(CALL), request.move());
      new Sharing(sessions.on(from).connection(CALL), request.move()).requireUnmoved();
    }
    for (String subscription : stream.subscriptions()) {
      laneIsWhole(subscription);
    }
  }

  private void laneIsWhole(String subscription) throws SQLException {
    String name = Quoting.literal(subscription);
    List<List<@Nullable String>> rows =
        sessions
            .on(to)
            .rows(
                """
                SELECT s.subenabled, (SELECT string_agg(r.srrelid::regclass::text, ', ')
                                        FROM pg_subscription_rel r
                                       WHERE r.srsubid = s.oid AND r.srsubstate <> 'r')
                  FROM pg_subscription s WHERE s.subname = %s
                   AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
                    .formatted(name),
                CALL)
            .get(0);
    if (rows.isEmpty()) {
      throw Failures.needsHelp(
          "There is no subscription %s on the %s".formatted(subscription, to.word()),
          "subscribe again before handing over",
          null);
    }
    if (!"t".equals(rows.get(0).get(0)) && truth.decisive().epoch() > 1) {
      throw Failures.needsHelp(
          "This migration was rolled back (epoch %d): its stream to the %s ended with the hand-over"
              .formatted(truth.decisive().epoch(), to.word()),
          "start the migration again; never enable that subscription, it would send rows twice",
          null);
    }
    if (!"t".equals(rows.get(0).get(0))) {
      throw Failures.needsHelp(
          "Subscription %s on the %s is disabled".formatted(subscription, to.word()),
          "enable it, then retry",
          "ALTER SUBSCRIPTION " + Quoting.identifier(subscription) + " ENABLE;");
    }
    if (rows.get(0).get(1) != null) {
      throw Failures.transientFailure(
          "Not yet synchronised on the %s: %s".formatted(to.word(), rows.get(0).get(1)));
    }
  }

  /** A table that the stream leaves out would lose its last writes without a sound. */
  void carriesEverything(Selection selection) throws SQLException {
    Connection losing = sessions.on(from).connection(CALL);
    List<String> though = PublishedTables.publishedThough(losing, stream.publications(), selection);
    if (!though.isEmpty()) {
      throw Failures.needsHelp(
          "The stream to the %s carries %s, which the runbook leaves out now: renamed since the copy?"
              .formatted(to.word(), ReadyCheck.first(though)),
          "take the change back on the %s, then retry".formatted(from.word()),
          "whimbrel retry " + request.move().migration());
    }
    LeftOut left = LeftOut.of(losing, sessions.on(to).connection(CALL), stream, request.move());
    if (!left.tables().isEmpty()) {
      throw Failures.needsHelp(
          "The stream to the %s leaves out %s, whose writes would be lost: it is not in %s"
              .formatted(to.word(), ReadyCheck.first(left.tables()), left.where()),
          to == Side.TARGET
              ? "create it on both sides (on the closed one after SET whimbrel.same_change = on), add it to"
                  + " the publication, refresh the subscription, compare it; then retry"
              : "a table that was made in the rollback window has to go again, its rows copied by hand; then retry",
          "whimbrel retry " + request.move().migration());
    }
  }

  /**
   * One that a worker of an older release has made may know of one stream alone, and so of no table
   * of several; and somebody may have changed it since it was found whole.
   */
  void wayBackCarriesEverything() throws SQLException {
    if (to == Side.SOURCE || !truth.target().canGoBack()) {
      return;
    }
    Stream back = Stream.leaving(Side.TARGET, request.move());
    Set<String> carried =
        LeftOut.plain(
            PublishedTables.published(sessions.on(to).connection(CALL), back.publications()));
    carried.retainAll(LeftOut.known(sessions.on(from).connection(CALL), back.lanes().get(0)));
    List<String> missing =
        PublishedTables.published(sessions.on(from).connection(CALL), stream.publications())
            .stream()
            .filter(table -> !table.startsWith(Names.SCHEMA + "."))
            .filter(table -> !carried.contains(Quoting.plain(table)))
            .toList();
    if (!missing.isEmpty()) {
      throw Failures.needsHelp(
          "The way back leaves out %s, though it was found whole when the switchover was prepared: publication %s on the target does not list it, or subscription %s on the source does not know it"
              .formatted(
                  ReadyCheck.first(missing),
                  back.publications().get(0),
                  back.subscriptions().get(0)),
          "retry, which prepares again; where workers of an older release run, upgrade them first",
          "whimbrel retry " + request.move().migration());
    }
  }

  /** Nobody is held up yet: a stream that was started a moment ago gets a few looks. */
  void awaitTravel() throws SQLException {
    Duration limit = request.pauseBudget();
    Deadline starting =
        new Deadline(STREAM_STARTS.plus(ONE_MORE.multipliedBy(stream.lanes().size() - 1)));
    while (true) {
      UUID marker = UUID.randomUUID();
      sessions.besideOn(from).run(Markers.writeSql(from, marker, "ready"), CALL);
      if (Markers.await(sessions.besideOn(to).connection(limit), from, marker, limit)) {
        return;
      }
      pulse.check();
      if (starting.passed()) {
        throw Failures.transientFailure(
            "The stream to the %s needs more than %d ms, which is the whole pause budget"
                .formatted(to.word(), limit.toMillis()));
      }
    }
  }
}
