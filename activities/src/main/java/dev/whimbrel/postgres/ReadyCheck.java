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
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Everything that must be true before writes are held up. Changes nothing but a marker, and puts
 * the fence, open, on tables that the target got in the rollback window, and on those that were
 * made since and do not move.
 */
final class ReadyCheck {
  private static final Duration CALL = Duration.ofSeconds(10);

  /** Putting triggers on new tables, each as soon as its writers let it. */
  private static final Duration INSTALL = Duration.ofMinutes(1);

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

  ReadyCheck(Sessions sessions, Truth truth, SwitchoverRequest request, Pulse pulse) {
    this.sessions = sessions;
    this.truth = truth;
    this.request = request;
    this.pulse = pulse;
    this.to = request.to();
    this.from = to.other();
    this.stream = Stream.leaving(from, request.move());
  }

  /** Waits for what passes by itself, fails for what does not. */
  Readied await() throws SQLException {
    for (Side side : List.of(from, to)) {
      SynchronousStandby.mustAnswer(sessions.on(side), pulse);
    }
    // Before anything is looked at: what is made meanwhile was looked at by nobody.
    Looked looked = look();
    if (from == Side.SOURCE) {
      Severed.refuse(request.move(), sessions.on(from).connection(CALL));
    }
    fencesAreReady();
    Integer closing = to == Side.TARGET ? request.closing() : null;
    if (closing == null) {
      streamIsWhole();
      streamCarriesEverything(looked.selection());
    } else {
      ClosedCopy.mustBeWhole(
          request.move(),
          closing,
          looked.fingerprint(),
          sessions.on(from).connection(CALL),
          sessions.on(to).connection(CALL));
    }
    catalogIsKnown(looked);
    if (closing == null) {
      wayBackCarriesEverything();
      awaitTravel();
    }
    Blockers.await(sessions, List.of(from, to), pulse);
    Session losing = sessions.on(from);
    String lock = TableLocks.statement(losing);
    // Behind the names that are locked: what was given another name since is looked at by it.
    Looked last = someStay() ? look() : looked;
    if (!last.fingerprint().equals(looked.fingerprint())) {
      throw catalogChanged();
    }
    List<List<@Nullable String>> sequences =
        ofWhatMoves(moving -> losing.rows(Sequences.list(moving), CALL).get(0));
    SequencePairing.check(
        request.move().migration(),
        from,
        sequences,
        sessions.on(to).rows(Sequences.LIST, CALL).get(0));
    return new Readied(
        lock, Sequences.read(sequences), Fence.fingerprint(last.selection()), looked.fingerprint());
  }

  private Looked look() throws SQLException {
    Connection catalog = sessions.on(from).connection(CALL);
    return ofWhatMoves(moving -> new Looked(moving, Fence.fingerprint(catalog, moving)));
  }

  /** The losing side's choice and the figure of what moves. */
  private record Looked(Selection selection, String fingerprint) {}

  private <T> T ofWhatMoves(Settled.Question<T> question) throws SQLException {
    return Settled.ask(from, request.move(), sessions.on(from).connection(CALL), question);
  }

  /** Whether tables of the losing side may stay behind, and so come and go. */
  private boolean someStay() {
    return from == Side.SOURCE && request.move().tables() != null;
  }

  /**
   * Whoever prepared the hand-over to the target shall know what it hands over; a rollback stays
   * possible where the source can take everything that the target has become.
   */
  private void catalogIsKnown(Looked looked) throws SQLException {
    Connection losing = sessions.on(from).connection(CALL);
    Connection gaining = sessions.on(to).connection(CALL);
    List<String> missing = ofWhatMoves(moving -> Structure.missing(losing, gaining, moving));
    if (!missing.isEmpty()) {
      throw Failures.needsHelp(
          "The %s has what is missing on the %s: %s"
              .formatted(from.word(), to.word(), Structure.line(missing)),
          Structure.remedy(to) + "; then retry",
          "whimbrel retry " + request.move().migration());
    }
    if (to == Side.TARGET) {
      String prepared = truth.on(from).fingerprint();
      if (looked.fingerprint().equals(Fence.OF_OBJECTS + prepared)) {
        throw Failures.needsHelp(
            "The switchover was prepared by a worker of an older version",
            "retry, which prepares again",
            "whimbrel retry " + request.move().migration());
      }
      if (!looked.fingerprint().equals(prepared)) {
        throw catalogChanged();
      }
      return;
    }
    Stream.Lane back = stream.lanes().get(0);
    List<String> changed =
        Structure.changedSinceRehearsal(losing, gaining, back.publication(), back.subscription());
    if (!changed.isEmpty()) {
      throw Failures.needsHelp(
          "Tables were changed since the switchover was prepared, so that rows of the target may mean something else on the source: "
              + Structure.line(changed),
          "take the change back, then retry; a table that was made since holds rows that the source lacks: copy them by hand and drop it. Nothing is lost while this waits: writes stay on the target",
          "whimbrel retry " + request.move().migration());
    }
  }

  /**
   * Since the look a moment ago. What does not move may come and go, and the next attempt finds it;
   * to be asked when nobody is held up.
   */
  RuntimeException changedMeanwhile(Readied readied) throws SQLException {
    Connection losing = sessions.on(from).connection(CALL);
    boolean asBefore =
        someStay()
            && ofWhatMoves(moving -> Fence.fingerprint(losing, moving))
                .equals(readied.fingerprint());
    return asBefore
        ? Failures.transientFailure(
            "Nothing was handed over: a table of the %s that does not move was made or dropped just then"
                .formatted(from.word()))
        : catalogChanged();
  }

  /** As of the rehearsal, or as of the look a moment ago. */
  RuntimeException catalogChanged() {
    return Failures.needsHelp(
        "The catalog of the %s is no longer the one that the switchover was prepared for: a table, column or sequence was added, changed or dropped"
            .formatted(from.word()),
        Structure.remedy(to) + "; then retry, which prepares again",
        "whimbrel retry " + request.move().migration());
  }

  private void fencesAreReady() throws SQLException {
    boolean prepared = truth.on(from).fingerprint() != null;
    if (prepared && (to == Side.SOURCE || someStay())) {
      // Tables that were made in the rollback window, or stay and were made since the rehearsal.
      Fence.install(sessions.on(from).connection(INSTALL));
    }
    List<String> missing = Fence.withoutTriggers(sessions.on(from).connection(CALL));
    List<String> taking = Fence.notClosed(sessions.on(to).connection());
    if (prepared && !missing.isEmpty() && someStay()) {
      throw Failures.transientFailure("No fence on %s yet".formatted(first(missing)));
    }
    if (!prepared || !missing.isEmpty() || !taking.isEmpty()) {
      throw Failures.needsHelp(
          "The switchover is not prepared: %s"
              .formatted(
                  !missing.isEmpty()
                      ? "no fence on " + first(missing) + " of the " + from.word()
                      : !taking.isEmpty()
                          ? "the %s takes writes on %s".formatted(to.word(), first(taking))
                          : "no fingerprint of the catalog"),
          "prepare the switchover again, then retry",
          "whimbrel retry " + request.move().migration());
    }
  }

  private void streamIsWhole() throws SQLException {
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
      isWhole(subscription);
    }
  }

  private void isWhole(String subscription) throws SQLException {
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
  private void streamCarriesEverything(Selection selection) throws SQLException {
    Connection losing = sessions.on(from).connection(CALL);
    List<String> though = PublishedTables.publishedThough(losing, stream.publications(), selection);
    if (!though.isEmpty()) {
      throw Failures.needsHelp(
          "The stream to the %s carries %s, which the runbook leaves out now: renamed since the copy?"
              .formatted(to.word(), first(though)),
          "take the change back on the %s, then retry".formatted(from.word()),
          "whimbrel retry " + request.move().migration());
    }
    LeftOut left = LeftOut.of(losing, sessions.on(to).connection(CALL), stream, request.move());
    if (!left.tables().isEmpty()) {
      throw Failures.needsHelp(
          "The stream to the %s leaves out %s, whose writes would be lost: it is not in %s"
              .formatted(to.word(), first(left.tables()), left.where()),
          to == Side.TARGET
              ? "create it on both sides (on the closed one after SET whimbrel.same_change = on), add it to"
                  + " the publication, refresh the subscription, compare it; then retry"
              : "a table that was made in the rollback window has to go again, its rows copied by hand; then retry",
          "whimbrel retry " + request.move().migration());
    }
  }

  /** One that a worker of an older release has made knows of one stream, and so of no table. */
  private void wayBackCarriesEverything() throws SQLException {
    if (to == Side.SOURCE || !truth.target().canGoBack()) {
      return;
    }
    Stream back = Stream.leaving(Side.TARGET, request.move());
    Set<String> carried =
        PublishedTables.published(sessions.on(to).connection(CALL), back.publications()).stream()
            .map(Quoting::plain)
            .collect(Collectors.toSet());
    List<String> missing =
        PublishedTables.published(sessions.on(from).connection(CALL), stream.publications())
            .stream()
            .filter(table -> !table.startsWith(Names.SCHEMA + "."))
            .filter(table -> !carried.contains(Quoting.plain(table)))
            .toList();
    if (!missing.isEmpty()) {
      throw Failures.needsHelp(
          "The way back leaves out %s: publication %s on the target does not list it, though it was found whole when the switchover was prepared"
              .formatted(first(missing), back.publications().get(0)),
          "upgrade every worker, then retry, which prepares again",
          "whimbrel retry " + request.move().migration());
    }
  }

  /** Nobody is held up yet: a stream that was started a moment ago gets a few looks. */
  private void awaitTravel() throws SQLException {
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

  private static String first(List<String> tables) {
    return tables.size() == 1
        ? tables.get(0)
        : tables.get(0) + " and " + (tables.size() - 1) + " more";
  }
}
