package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Watches over the forward stream while something is awaited from it. PostgreSQL tries a failing
 * worker again for ever and tells only its log, so errors are recognised here by their figures.
 */
final class StreamHealth {
  /** A worker starts again five seconds after it died; so this is four starts in vain. */
  private static final Duration STANDSTILL = Duration.ofSeconds(20);

  private static final Duration START = Duration.ofSeconds(5);

  private static final int ERRORS = 3;

  private final Connection source;
  private final Connection target;
  private final Move move;
  private final List<Watched> streams;

  /** All of the forward streams. */
  StreamHealth(Connection source, Connection target, Move move) {
    this(source, target, move, Names.streams(move));
  }

  /**
   * As {@link #StreamHealth(Connection, Connection, Move)}.
   *
   * @param names those of the stream that is watched
   */
  StreamHealth(Connection source, Connection target, Move move, Names names) {
    this(source, target, move, List.of(names));
  }

  private StreamHealth(Connection source, Connection target, Move move, List<Names> each) {
    this.source = source;
    this.target = target;
    this.move = move;
    this.streams = each.stream().map(names -> new Watched(names, each.size())).toList();
  }

  /** What the catalogs say about the stream. */
  private record State(boolean enabled, boolean working, long errors, long unsynced) {}

  /**
   * Looks once.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} when the stream cannot go on,
   *     naming what it stands at
   */
  void look() throws SQLException {
    for (Watched watched : streams) {
      watched.look();
    }
  }

  /**
   * Refuses when the source has got tables that the stream does not carry.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming them
   */
  void requireAllTables() throws SQLException {
    new Sharing(source, move).requireUnmoved();
    List<String> publications =
        streams.stream().map(watched -> watched.names.forwardPublication()).toList();
    List<String> left =
        Settled.ask(
            Side.SOURCE,
            move,
            source,
            moving -> PublishedTables.unpublished(source, publications, moving));
    // To add one of these to the publication again brings no row.
    Set<String> known = new HashSet<>();
    for (Watched watched : left.isEmpty() ? List.<Watched>of() : streams) {
      known.addAll(
          SubscribedTables.of(target, watched.names.forwardSubscription()).quotedBy(source));
    }
    if (left.stream().anyMatch(known::contains)) {
      throw Failures.needsHelp(
          "The forward stream does not carry %s any more: somebody took it out of publication %s, and what was written there since is not on the target"
              .formatted(
                  String.join(", ", left.stream().filter(known::contains).toList()),
                  String.join(", ", publications)),
          "roll back and start again; a partition that was detached, and not written since, may be dropped instead",
          "whimbrel rollback " + move.migration());
    }
    if (!left.isEmpty()) {
      throw Failures.needsHelp(
          "The forward stream does not carry "
              + String.join(", ", left)
              + ": created on the source after the schema was carried",
          "drop what was created, or create it on the target in the same way and add it to the"
              + " stream: the first line on the source, the second on the target; then retry",
          adding(left));
    }
  }

  /** Of one stream's tables, where several share them: those of another are asked for next. */
  private String adding(List<String> left) throws SQLException {
    Names names = streams.get(0).names;
    List<String> tables = left;
    if (move.shared()) {
      List<Names> belongs = new Sharing(source, move).streamsOf(left);
      names = belongs.get(0);
      tables = new ArrayList<>();
      for (int i = 0; i < left.size(); i++) {
        if (belongs.get(i).forwardPublication().equals(names.forwardPublication())) {
          tables.add(left.get(i));
        }
      }
    }
    return "ALTER PUBLICATION "
        + names.forwardPublication()
        + " ADD TABLE "
        + String.join(", ", tables)
        + ";\nALTER SUBSCRIPTION "
        + names.forwardSubscription()
        + " REFRESH PUBLICATION;";
  }

  void requireSlot() throws SQLException {
    for (Watched watched : streams) {
      watched.requireSlot();
    }
  }

  /** One of them, or the only one. */
  private final class Watched {
    private final Names names;
    private final Duration standstill;
    private final WorkerDeaths deaths;
    private @Nullable Instant absentSince;
    private long errorsAtFirst = -1;
    private long unsyncedAtFirst;

    Watched(Names names, int streams) {
      this.names = names;
      // Up to 15 the launcher starts one worker at a time, five seconds after the one before.
      this.standstill = STANDSTILL.plus(START.multipliedBy(streams - 1));
      this.deaths = new WorkerDeaths(target, names);
    }

    void look() throws SQLException {
      State state = state();
      requireSlot();
      if (!state.enabled()) {
        throw Failures.needsHelp(
            "The %s does not run: somebody disabled its subscription on the target"
                .formatted(names.words()),
            "enable it, then retry",
            "ALTER SUBSCRIPTION " + names.forwardSubscription() + " ENABLE;");
      }
      Instant now = Instant.now();
      if (errorsAtFirst < 0 || state.unsynced() < unsyncedAtFirst) {
        errorsAtFirst = state.errors();
        unsyncedAtFirst = state.unsynced();
      }
      absentSince = state.working() ? null : absentSince == null ? now : absentSince;
      boolean absent =
          absentSince != null && Duration.between(absentSince, now).compareTo(standstill) > 0;
      if (absent || state.errors() - errorsAtFirst >= ERRORS) {
        throw new StreamDiagnosis(source, target, names).explain();
      }
    }

    void requireSlot() throws SQLException {
      String slot = names.forwardSubscription();
      try (Statement statement = source.createStatement();
          ResultSet row =
              statement.executeQuery(
                  "SELECT wal_status FROM pg_replication_slots WHERE slot_name = "
                      + Quoting.literal(slot))) {
        if (row.next() && !"lost".equals(row.getString(1))) {
          return;
        }
      }
      throw Failures.needsHelp(
          "The source has lost replication slot "
              + slot
              + ": changes that the target does not have are no longer kept for it",
          "roll back and start again; look for max_slot_wal_keep_size and"
              + " idle_replication_slot_timeout, or for who dropped the slot",
          null);
    }

    private State state() throws SQLException {
      boolean counted = target.getMetaData().getDatabaseMajorVersion() >= 15;
      try (Statement statement = target.createStatement();
          ResultSet row =
              statement.executeQuery(
                  "SELECT s.subenabled, EXISTS (SELECT FROM pg_stat_subscription w WHERE w.subid ="
                      + " s.oid AND w.relid IS NULL AND w.pid IS NOT NULL), "
                      + (counted
                          ? "(SELECT coalesce(apply_error_count + sync_error_count, 0)"
                              + " FROM pg_stat_subscription_stats e WHERE e.subid = s.oid)"
                          : "0")
                      + ", (SELECT count(*) FROM pg_subscription_rel r WHERE r.srsubid = s.oid"
                      + " AND r.srsubstate <> 'r') FROM pg_subscription s WHERE s.subname = "
                      + Quoting.literal(names.forwardSubscription())
                      + " AND s.subdbid ="
                      + " (SELECT oid FROM pg_database WHERE datname = current_database())")) {
        if (row.next()) {
          boolean enabled = row.getBoolean(1);
          boolean working = row.getBoolean(2);
          long unsynced = row.getLong(4);
          if (counted) {
            return new State(enabled, working, row.getLong(3), unsynced);
          }
          deaths.look();
          return new State(enabled, working && !deaths.copyStandsStill(), deaths.count(), unsynced);
        }
      }
      throw Failures.needsHelp(
          "The forward stream is gone: the target has no subscription "
              + names.forwardSubscription(),
          "somebody dropped it: roll back and start again",
          null);
    }
  }
}
