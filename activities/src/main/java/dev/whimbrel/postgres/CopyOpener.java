package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyOpening;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Brings what earlier generations copied to a new snapshot. A row that nobody has written since is
 * the same in both; the slot of the old snapshot says which rows are not. Only a table whose
 * changes cannot be told by keys, or that has changed too much, begins anew.
 */
final class CopyOpener {
  private static final Duration LOOK = Duration.ofMillis(200);
  private static final Duration ANSWER = Duration.ofSeconds(60);

  /** From this share of its rows on, a table is sooner copied anew than brought forward. */
  private static final double TOO_MUCH = 0.2;

  private static final String BEGUN =
      "SELECT DISTINCT relation FROM whimbrel.copy_piece"
          + " WHERE kind = 'rows' AND done_at IS NOT NULL";

  private final Databases databases;
  private final Move move;
  private final int number;
  private final long smallestRange;
  private volatile Names names;
  private volatile @Nullable TouchedKeys touched;
  private volatile @Nullable RowSession reading;

  CopyOpener(Databases databases, CopyRequest request, long smallestRange) {
    this.databases = databases;
    this.move = request.move();
    this.number = request.generation();
    this.smallestRange = smallestRange;
    this.names = new Names(move.migration());
  }

  /** Opens the generation. Again is harmless. */
  CopyOpening open() throws SQLException {
    String application = Names.applicationName(move.migration(), "open-snapshot");
    CopySessions sessions = new CopySessions(databases, move);
    try (Connection source = databases.open(move.source(), application, ANSWER);
        Connection target = sessions.target()) {
      // No heartbeat before this wait: until the first one the worker beats for the activity.
      StepLock.take(target, "copy " + move.migration());
      CopyGenerations generations = new CopyGenerations(target);
      names = CopyStages.names(move, target);
      mustBeWanted(target, generations);
      // Before the wait: in one cluster, the slot waits for whatever has not ended.
      CopySessions.endAll(target, move);
      CopySessions.endAll(source, move);
      KeptSnapshot.endBefore(source, move, number);
      if (ForwardSubscriber.system(source).equals(ForwardSubscriber.system(target))) {
        CopySessions.endBuilds(target, move);
      }
      while (generations.find(number).isEmpty()) {
        Heartbeats.beat("waiting for snapshot " + number);
        Pause.of(LOOK);
      }
      if (!generations.find(number).orElseThrow().opened()) {
        Heartbeats.during(
            () -> Progress.of(line()),
            () -> abort(source, target),
            () -> {
              target.setAutoCommit(false);
              mustBeWanted(target, generations);
              carryOver(source, target, generations, sessions);
              mustBeWanted(target, generations);
              target.commit();
              target.setAutoCommit(true);
            });
      }
      dropOlderSlots(source);
      Generation opened = generations.find(number).orElseThrow();
      return new CopyOpening(
          opened.bytesAgain(),
          "snapshot %d at %s; %s are copied once more"
              .formatted(number, opened.lsn(), Size.words(opened.bytesAgain())));
    }
  }

  private String line() {
    TouchedKeys changed = touched;
    return changed == null
        ? "opening the snapshot"
        : "reading what was changed since the last one: %,d changes".formatted(changed.changes());
  }

  private void abort(Connection source, Connection target) {
    Heartbeats.abort(source);
    Heartbeats.abort(target);
    RowSession open = reading;
    if (open != null) {
      open.abort();
    }
  }

  /** An attempt that comes late must not begin anew what has long gone on. */
  private void mustBeWanted(Connection target, CopyGenerations generations) throws SQLException {
    boolean sourceIsTruth =
        Authority.require(target, move.migration(), Side.TARGET).writable() == Side.SOURCE;
    boolean streams = false;
    for (Names each : streams()) {
      streams |= new ForwardSubscriber(target, each).exists();
    }
    boolean past = move.staged() && new CopyStages(target).isPast(number);
    if (!sourceIsTruth || streams || past || generations.last() > number) {
      throw Failures.transientFailure(
          "Cannot open snapshot %d of the copy: %s"
              .formatted(
                  number,
                  streams || past || !sourceIsTruth
                      ? "the copy is over"
                      : "snapshot " + generations.last() + " has taken its place"));
    }
  }

  private void carryOver(
      Connection source, Connection target, CopyGenerations generations, CopySessions sessions)
      throws SQLException {
    generations.closeOlder();
    Optional<Generation> before = generations.opened();
    Set<String> begun = relations(target, BEGUN);
    Set<String> anew =
        before.isPresent() && !begun.isEmpty()
            ? anew(source, target, before.get(), sessions)
            : new LinkedHashSet<>();
    anew.retainAll(begun);
    anew.addAll(rewritten(source, target));
    long again = 0;
    CopyList list = new CopyList(target);
    CopyPlanner planner = new CopyPlanner(source, target, smallestRange, move);
    for (String relation : anew) {
      again += copied(target, relation);
      CopySessions.endBuilds(target, move, relation);
      planner.reset(relation);
      list.forgetTouched(relation);
    }
    addChanges(target);
    generations.open(number, again + before.map(Generation::bytesAgain).orElse(0L));
  }

  /** Tables that begin anew; the keys of all others' changes stand on the target afterwards. */
  private Set<String> anew(
      Connection source, Connection target, Generation before, CopySessions sessions)
      throws SQLException {
    if (ClosedCopy.isBehindOne(before.slot())) {
      String now = new CopyGenerations(target).find(number).map(Generation::slot).orElse("");
      return before.slot().equals(now)
          ? new LinkedHashSet<>()
          : relations(target, "SELECT relation FROM whimbrel.copy_table");
    }
    if (!isUsable(source, before)) {
      return relations(target, "SELECT relation FROM whimbrel.copy_table");
    }
    Set<String> anew = new LinkedHashSet<>();
    UUID marker = Markers.write(source, names.forwardMarker(), "copy");
    TouchedKeys changed =
        new TouchedKeys(target, CopyTables.keyed(source), names.forwardMarker(), marker);
    touched = changed;
    RowSession replication = sessions.replication();
    reading = replication;
    try {
      changed.read(
          replication, before.slot(), streams().stream().map(Names::forwardPublication).toList());
    } finally {
      reading = null;
      replication.abort();
    }
    anew.addAll(changed.anew());
    anew.addAll(
        relations(
            target,
            """
            SELECT relation FROM (
              SELECT relation, count(DISTINCT key) AS touched FROM whimbrel.copy_touched GROUP BY 1) k
             WHERE touched > %s * (SELECT coalesce(sum(rows), 0) FROM whimbrel.copy_piece p
                                    WHERE p.relation = k.relation AND p.kind = 'rows')"""
                .formatted(TOO_MUCH)));
    return anew;
  }

  /** Of what is copied: of one stage, or all that share the tables. */
  private List<Names> streams() {
    return move.shared() ? Names.streams(move) : List.of(names);
  }

  /** Another one of its name would begin elsewhere. */
  private static boolean isUsable(Connection source, Generation before) throws SQLException {
    try (PreparedStatement select =
        source.prepareStatement(
            "SELECT FROM pg_replication_slots WHERE slot_name = ? AND wal_status <> 'lost'"
                + " AND confirmed_flush_lsn = ?::pg_lsn")) {
      select.setString(1, before.slot());
      select.setString(2, before.lsn());
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    }
  }

  /** Tables whose rows are stored elsewhere now, so that a page's number says nothing any more. */
  private static List<String> rewritten(Connection source, Connection target) throws SQLException {
    List<String> rewritten = new ArrayList<>();
    try (Statement statement = target.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT relation, source_oid, filenode FROM whimbrel.copy_table")) {
      while (rows.next()) {
        if (CopyTables.filenode(source, rows.getLong(2)) != rows.getLong(3)) {
          rewritten.add(rows.getString(1));
        }
      }
    }
    return rewritten;
  }

  private static long copied(Connection target, String relation) throws SQLException {
    try (PreparedStatement select =
        target.prepareStatement(
            "SELECT coalesce(sum(bytes), 0) FROM whimbrel.copy_piece"
                + " WHERE relation = ? AND kind = 'rows' AND done_at IS NOT NULL")) {
      select.setString(1, relation);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** One piece for each table of which anything was copied and changed. */
  private static void addChanges(Connection target) throws SQLException {
    try (Statement statement = target.createStatement()) {
      statement.execute(
          """
          DELETE FROM whimbrel.copy_touched k WHERE NOT EXISTS (
            SELECT FROM whimbrel.copy_piece p WHERE p.relation = k.relation AND p.kind = 'rows'
               AND p.done_at IS NOT NULL);
          DELETE FROM whimbrel.copy_piece WHERE kind = 'changes';
          INSERT INTO whimbrel.copy_piece (relation, kind, bytes)
          SELECT DISTINCT relation, 'changes', 0 FROM whimbrel.copy_touched""");
    }
  }

  private void dropOlderSlots(Connection source) throws SQLException {
    try (PreparedStatement drop =
        source.prepareStatement(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                + " WHERE slot_name ~ ? AND substring(slot_name FROM '[0-9]+$')::int < ?"
                + " AND NOT active")) {
      drop.setString(1, names.copySlots());
      drop.setInt(2, number);
      drop.executeQuery().close();
    }
  }

  private static Set<String> relations(Connection target, String sql) throws SQLException {
    return new LinkedHashSet<>(PublishedTables.names(target, sql));
  }
}
