package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
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

  private final Sessions sessions;
  private final Truth truth;
  private final SwitchoverRequest request;
  private final Pulse pulse;
  private final Side to;
  private final Side from;
  private final Stream stream;
  private final ReadyStream carrying;

  ReadyCheck(Sessions sessions, Truth truth, SwitchoverRequest request, Pulse pulse) {
    this.sessions = sessions;
    this.truth = truth;
    this.request = request;
    this.pulse = pulse;
    this.to = request.to();
    this.from = to.other();
    this.stream = Stream.leaving(from, request.move());
    this.carrying = new ReadyStream(sessions, truth, request, pulse, stream);
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
      carrying.isWhole();
      carrying.carriesEverything(looked.selection());
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
      carrying.wayBackCarriesEverything();
      carrying.awaitTravel();
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

  /** The first of them, and how many more there are. */
  static String first(List<String> tables) {
    return tables.size() == 1
        ? tables.get(0)
        : tables.get(0) + " and " + (tables.size() - 1) + " more";
  }
}
