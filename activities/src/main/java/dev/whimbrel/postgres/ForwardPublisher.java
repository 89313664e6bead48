package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CopyGenerations.Generation;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The source's part of the forward stream: publication and slot. */
final class ForwardPublisher {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Connection source;
  private final Names names;

  /** Works through a connection in autocommit mode. */
  ForwardPublisher(Connection source, Names names) {
    this.source = source;
    this.names = names;
  }

  /**
   * Publishes every table whose rows move, and the marker. Again is harmless.
   *
   * @return how many tables hold rows and are published
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where publishing a table would
   *     break its UPDATE and DELETE
   */
  int publish(Move move) throws SQLException {
    return publish(question -> Settled.ask(Side.SOURCE, move, source, question));
  }

  /** As {@link #publish(Move)}, of a choice that stands. */
  int publish(Selection choice) throws SQLException {
    return publish(question -> question.ask(choice));
  }

  /** Whose rows move. */
  private interface Moving {
    List<String> ask(Settled.Question<List<String>> question) throws SQLException;
  }

  private int publish(Moving moving) throws SQLException {
    PublishedTables.requireIdentity(
        moving.ask(choice -> PublishedTables.withoutIdentity(source, choice)));
    String publication = names.forwardPublication();
    List<String> roots = moving.ask(choice -> PublishedTables.roots(source, choice));
    execute("SET lock_timeout = '10s'");
    if (!exists("pg_publication", "pubname", publication)) {
      execute("CREATE PUBLICATION " + publication + " FOR TABLE " + withMarker(roots));
    } else if (!asPublished(publication, moving)) {
      execute("ALTER PUBLICATION " + publication + " SET TABLE " + withMarker(roots));
    }
    return PublishedTables.published(source, List.of(publication)).size() - 1;
  }

  /**
   * As {@link #publish(Selection)}, where a slot has been made already: a table that is published
   * behind it would hide what was written before.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where a table is missing
   */
  int requirePublished(Selection choice) throws SQLException {
    String publication = names.forwardPublication();
    List<String> missing = PublishedTables.unpublished(source, List.of(publication), choice);
    if (!missing.isEmpty()) {
      throw Failures.needsHelp(
          "Publication %s does not carry %s any more: what was written there since may be lost to the target"
              .formatted(publication, String.join(", ", missing)),
          "roll back and start again; a partition that was detached, and not written since, may be dropped instead",
          null);
    }
    return PublishedTables.published(source, List.of(publication)).size() - 1;
  }

  /**
   * Publishes these tables too. Asks no lock of those that are listed, and takes none out. Again is
   * harmless.
   */
  void add(Selection choice) throws SQLException {
    String publication = names.forwardPublication();
    List<String> missing = PublishedTables.unlisted(source, publication, choice);
    if (!missing.isEmpty()) {
      execute("SET lock_timeout = '10s'");
      execute("ALTER PUBLICATION " + publication + " ADD TABLE " + each(missing));
    }
  }

  /** Takes those of these tables out that are listed. */
  void remove(Selection choice) throws SQLException {
    String publication = names.forwardPublication();
    List<String> listed = new ArrayList<>(PublishedTables.roots(source, choice));
    listed.removeAll(PublishedTables.unlisted(source, publication, choice));
    if (!listed.isEmpty()) {
      execute("SET lock_timeout = '10s'");
      execute("ALTER PUBLICATION " + publication + " DROP TABLE " + each(listed));
    }
  }

  /** One of an earlier migration of this name may have carried less, or more. */
  private boolean asPublished(String publication, Moving moving) throws SQLException {
    List<String> it = List.of(publication);
    return moving.ask(choice -> PublishedTables.unpublished(source, it, choice)).isEmpty()
        && moving.ask(choice -> PublishedTables.publishedThough(source, it, choice)).isEmpty();
  }

  /**
   * Creates the slot, separately from the subscription: in one statement they would wait for each
   * other where both databases are in one cluster. Again is harmless.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} naming the transactions that
   *     the slot has to wait for
   */
  void createSlot() throws SQLException {
    String slot = names.forwardSubscription();
    try {
      // The wait for transactions is one for locks too.
      execute("SET lock_timeout = 0; SET statement_timeout = '45s'");
      execute(
          "SELECT pg_create_logical_replication_slot(" + Quoting.literal(slot) + ", 'pgoutput')");
    } catch (SQLException e) {
      if (SqlFailures.is(e, SqlFailures.QUERY_CANCELED)) {
        throw Failures.transientFailure(
            "Cannot create replication slot "
                + slot
                + " yet: it waits for open transactions: "
                + String.join("; ", SlotWaits.transactions(source)));
      }
      // "Already there" is success: asking first would leave a gap between two attempts.
      if (!SqlFailures.is(e, SqlFailures.DUPLICATE_OBJECT)) {
        throw SqlFailures.of("Cannot create replication slot " + slot, e);
      }
    } finally {
      if (!source.isClosed()) {
        execute("SET statement_timeout = 0");
      }
    }
  }

  /**
   * Creates the slot where the copy's snapshot ends. A copied slot is on disk at once. Again is
   * harmless.
   *
   * @param end the snapshot, and where it ends
   */
  void copySlot(Generation end) throws SQLException {
    String copied = end.slot();
    String slot = names.forwardSubscription();
    try {
      execute(
          "SELECT pg_copy_logical_replication_slot("
              + Quoting.literal(copied)
              + ", "
              + Quoting.literal(slot)
              + ")");
    } catch (SQLException e) {
      if (!SqlFailures.is(e, SqlFailures.DUPLICATE_OBJECT)) {
        throw SqlFailures.of(
            "Cannot create replication slot " + slot + " from the copy's slot " + copied, e);
      }
    }
    requireBegins(slot, end.lsn());
  }

  /** Another slot of its name would leave out what was written before it. */
  private void requireBegins(String slot, String lsn) throws SQLException {
    String begins =
        Answers.text(
            source,
            "SELECT CASE WHEN confirmed_flush_lsn = %s::pg_lsn THEN 'there' ELSE confirmed_flush_lsn::text END FROM pg_replication_slots WHERE slot_name = %s"
                .formatted(Quoting.literal(lsn), Quoting.literal(slot)));
    if (begins.isEmpty()) {
      throw Failures.transientFailure("Replication slot " + slot + " is gone");
    }
    if (!begins.equals("there")) {
      throw Failures.needsHelp(
          "Replication slot %s begins at %s, and the copy ends at %s: what was written between would be lost"
              .formatted(slot, begins, lsn),
          "roll back and start again",
          null);
    }
  }

  /** Drops the slots of the copy's snapshots. Again is harmless. */
  void dropCopySlots() throws SQLException {
    for (String slot :
        PublishedTables.names(
            source,
            "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
                + " AND slot_name ~ "
                + Quoting.literal(names.copySlots()))) {
      dropSlot(slot);
    }
  }

  /** Drops the slots of two streams that have met. Again is harmless. */
  void dropMeetingSlots() throws SQLException {
    dropSlot(names.meetingSlot());
    dropSlot(names.metSlot());
  }

  /** Drops the target's table synchronisation slots that no subscription owns. */
  void dropOrphans(String targetSystem, List<String> subscriptionsOnTarget) throws SQLException {
    String orphans =
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
            + " AND slot_name ~ '^pg_[0-9]+_sync_[0-9]+_"
            + targetSystem
            + "$' AND split_part(slot_name, '_', 2) <> ALL (ARRAY["
            + String.join(",", subscriptionsOnTarget.stream().map(Quoting::literal).toList())
            + "]::text[])";
    for (String slot : PublishedTables.names(source, orphans)) {
      dropSlot(slot);
    }
  }

  void dropPublication() throws SQLException {
    execute("DROP PUBLICATION IF EXISTS " + names.forwardPublication());
  }

  /** Drops a slot of this database, whoever uses it. Again is harmless. */
  void dropSlot(String slot) throws SQLException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (exists("pg_replication_slots", "database = current_database() AND slot_name", slot)) {
      try {
        endReader(slot);
        execute("SELECT pg_drop_replication_slot(" + Quoting.literal(slot) + ")");
      } catch (SQLException e) {
        boolean gone = SqlFailures.is(e, SqlFailures.UNDEFINED_OBJECT);
        if (!gone
            && (!SqlFailures.is(e, SqlFailures.OBJECT_IN_USE) || System.nanoTime() > deadline)) {
          throw SqlFailures.of("Cannot drop replication slot " + slot, e);
        }
        Heartbeats.beat("waiting for replication slot " + slot + " to be free");
        Pause.of(Duration.ofMillis(100));
      }
    }
  }

  /** Where the rights do not reach its reader, it goes by itself when its subscription is gone. */
  private void endReader(String slot) throws SQLException {
    try {
      execute(
          "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = "
              + Quoting.literal(slot)
              + " AND active_pid IS NOT NULL");
    } catch (SQLException e) {
      if (!SqlFailures.is(e, SqlFailures.INSUFFICIENT_PRIVILEGE)) {
        throw e;
      }
    }
  }

  private String withMarker(List<String> tables) {
    return each(Stream.concat(tables.stream(), Stream.of(names.forwardMarker())).toList());
  }

  /** Each by itself: what inherits from a table is listed, or belongs to another stream. */
  private static String each(List<String> tables) {
    return tables.stream().map(table -> "ONLY " + table).collect(Collectors.joining(", "));
  }

  private boolean exists(String catalog, String column, String name) throws SQLException {
    try (Statement statement = source.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT FROM " + catalog + " WHERE " + column + " = " + Quoting.literal(name))) {
      return row.next();
    }
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = source.createStatement()) {
      statement.execute(sql);
    }
  }
}
