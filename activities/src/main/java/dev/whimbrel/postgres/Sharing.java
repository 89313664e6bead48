package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Several streams share the tables. Who carries what is decided once, before the copy's first slot
 * is made, and written down with the publications in one transaction: behind a slot no table
 * changes its stream, since what one stream has decoded of it before would belong to no
 * subscription.
 */
final class Sharing {
  private static final String TABLE = "whimbrel.shared_table";

  private static final String RECORD =
      """
      CREATE TABLE IF NOT EXISTS whimbrel.shared_table (source_oid oid PRIMARY KEY, stream int NOT NULL);
      DELETE FROM whimbrel.shared_table;
      INSERT INTO whimbrel.shared_table
      SELECT r.prrelid, substring(p.pubname FROM '[0-9]+$')::int FROM pg_publication_rel r
        JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = %s""";

  private final Connection source;
  private final Move move;
  private final Names names;
  private final List<Names> each;
  private final List<String> publications;

  /** Works through a connection in autocommit mode. */
  Sharing(Connection source, Move move) {
    this.source = source;
    this.move = move;
    this.names = new Names(move.migration());
    this.each = Names.streams(move);
    this.publications = each.stream().map(Names::forwardPublication).toList();
  }

  /**
   * Publishes every table whose rows move, and each stream's marker. Again is harmless; to be
   * called behind the lock of the stream.
   *
   * @return how many tables hold rows and are published
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where publishing a table would
   *     break its UPDATE and DELETE, or where a slot is there and a table is not
   */
  int publish() throws SQLException {
    PublishedTables.requireIdentity(
        ofWhatMoves(choice -> PublishedTables.withoutIdentity(source, choice)));
    if (!publications.equals(found()) || !isWhole()) {
      if (hasSlots()) {
        return requirePublished();
      }
      publishAnew();
    }
    return count();
  }

  /**
   * As {@link #publish}, where a slot has been made already.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where something is missing, or
   *     is published twice
   */
  int requirePublished() throws SQLException {
    List<String> found = found();
    Set<String> amiss = new TreeSet<>(publications);
    amiss.removeAll(found);
    if (!amiss.isEmpty()) {
      throw mustNotChange("The source has no publication " + String.join(", ", amiss));
    }
    List<String> strays = new ArrayList<>(found);
    strays.removeAll(publications);
    if (!strays.isEmpty()) {
      throw mustNotChange(
          "The source has publication %s, which belongs to another number of subscriptions"
              .formatted(String.join(", ", strays)));
    }
    List<String> unmarked = unmarked();
    if (!unmarked.isEmpty()) {
      throw mustNotChange(
          "Publication %s does not list its table of markers"
              .formatted(String.join(", ", unmarked)));
    }
    List<String> missing = missing();
    if (!missing.isEmpty()) {
      throw mustNotChange(
          "None of the streams carries "
              + String.join(", ", missing)
              + ": created, or taken out of its publication, after the tables were shared");
    }
    List<String> though = though();
    if (!though.isEmpty()) {
      throw mustNotChange(
          "The streams carry %s, which the runbook leaves out"
              .formatted(String.join(", ", though)));
    }
    List<String> twice = twice();
    if (!twice.isEmpty()) {
      throw mustNotChange("Two publications list " + String.join(", ", twice));
    }
    requireUnmoved();
    return count();
  }

  /**
   * Refuses where a table is not in the stream that it was given to, though some stream carries it.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming it
   */
  void requireUnmoved() throws SQLException {
    if (!move.shared()) {
      return;
    }
    if (!isRecorded()) {
      throw mustNotChange(
          "The source has no table %s, which says what each stream carries".formatted(TABLE));
    }
    List<String> moved = moved();
    if (!moved.isEmpty()) {
      throw mustNotChange(
          "Somebody took %s out of its stream's publication: what was written there since may be lost to the target"
              .formatted(String.join(", ", moved)));
    }
  }

  /** Which stream a table belongs to that none carries yet: the one of what it is tied to. */
  Names streamOf(String table) throws SQLException {
    return streamsOf(List.of(table)).get(0);
  }

  /** The same of several, in their order. */
  List<Names> streamsOf(List<String> tables) throws SQLException {
    SharedTables shared = SharedTables.of(source);
    List<Set<String>> carried = new ArrayList<>();
    for (String publication : publications) {
      carried.add(Set.copyOf(PublishedTables.published(source, List.of(publication))));
    }
    List<Names> found = new ArrayList<>();
    for (String table : tables) {
      Set<String> tied = shared.tiedTo(table);
      int stream = 0;
      while (stream < each.size() && Collections.disjoint(carried.get(stream), tied)) {
        stream++;
      }
      found.add(each.get(stream % each.size()));
    }
    return found;
  }

  /**
   * Refuses where the target has another number of streams than this migration, or where two of
   * them carry the same table: its rows would come twice.
   */
  static void mustBeOurs(Connection target, Move move) throws SQLException {
    String pattern = Quoting.literal(new Names(move.migration()).forwardStreams());
    List<String> strays =
        new ArrayList<>(
            ForwardStreams.onTarget(target, move.migration()).stream()
                .map(Names::forwardSubscription)
                .toList());
    strays.removeAll(Stream.leaving(Side.SOURCE, move).subscriptions());
    if (!strays.isEmpty()) {
      throw Failures.needsHelp(
          "The target has subscription %s, which is none of the %d that this migration has"
              .formatted(String.join(", ", strays), move.streams()),
          "an earlier migration of this name may have left it: roll back and start again",
          "whimbrel rollback " + move.migration());
    }
    List<String> twice =
        !move.shared()
            ? List.of()
            : PublishedTables.names(
                target,
                "SELECT r.srrelid::regclass::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
                    + " WHERE s.subname ~ "
                    + pattern
                    + " AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY r.srrelid HAVING count(*) > 1 ORDER BY 1");
    if (!twice.isEmpty()) {
      throw Failures.needsHelp(
          "Two of the streams to the target carry %s: its rows come twice"
              .formatted(String.join(", ", twice)),
          "somebody has added it to a second publication, or made it a partition of a table of another stream, and refreshed the subscription: take that back, compare it; or roll back and start again",
          "whimbrel rollback " + move.migration());
    }
  }

  private RuntimeException mustNotChange(String what) {
    return Failures.needsHelp(
        what + "; behind a slot, no table changes its stream",
        "roll back and start again; what was created since may be dropped instead",
        "whimbrel rollback " + move.migration());
  }

  /** In one transaction: there is always either no share of the tables, or all of them. */
  private void publishAnew() throws SQLException {
    List<String> roots = ofWhatMoves(choice -> PublishedTables.roots(source, choice));
    List<SharedTables.Share> shares = SharedTables.of(source).among(each.size(), roots);
    List<String> found = found();
    source.setAutoCommit(false);
    try {
      Verbatim.execute(source, "SET LOCAL lock_timeout = '10s'");
      for (String publication : found) {
        Verbatim.execute(source, "DROP PUBLICATION " + publication);
      }
      for (int i = 0; i < each.size(); i++) {
        List<String> tables = new ArrayList<>(shares.get(i).tables());
        tables.add(each.get(i).forwardMarker());
        Verbatim.execute(
            source,
            "CREATE PUBLICATION %s FOR TABLE %s"
                .formatted(
                    publications.get(i),
                    tables.stream().map(t -> "ONLY " + t).collect(Collectors.joining(", "))));
      }
      Verbatim.execute(source, RECORD.formatted(PublishedTables.anyOf(publications)));
      source.commit();
    } finally {
      if (!source.isClosed()) {
        source.rollback();
        source.setAutoCommit(true);
      }
    }
    List<String> missing = missing();
    if (!missing.isEmpty()) {
      throw Failures.transientFailure(
          "Tables were made while they were shared among the streams: "
              + String.join(", ", missing));
    }
  }

  private boolean isWhole() throws SQLException {
    return isRecorded()
        && unmarked().isEmpty()
        && missing().isEmpty()
        && though().isEmpty()
        && twice().isEmpty()
        && moved().isEmpty();
  }

  private boolean isRecorded() throws SQLException {
    return Answers.holds(source, "SELECT to_regclass('%s') IS NOT NULL".formatted(TABLE));
  }

  /** Publications whose streams would bring no marker. */
  private List<String> unmarked() throws SQLException {
    return PublishedTables.names(
        source,
        """
        SELECT w.publication FROM unnest(%s, %s) AS w(publication, marker)
         WHERE NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                            WHERE p.pubname = w.publication AND r.prrelid = to_regclass(w.marker)) ORDER BY 1"""
            .formatted(
                Quoting.array(publications),
                Quoting.array(each.stream().map(Names::forwardMarker).toList())));
  }

  private List<String> moved() throws SQLException {
    return PublishedTables.names(
        source,
        """
        SELECT format('%%I.%%I', n.nspname, c.relname) FROM whimbrel.shared_table t
          JOIN pg_class c ON c.oid = t.source_oid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                            WHERE r.prrelid = t.source_oid AND p.pubname = %s || t.stream) ORDER BY 1"""
            .formatted(Quoting.literal(names.forwardPublication() + "_")));
  }

  private List<String> missing() throws SQLException {
    return ofWhatMoves(choice -> PublishedTables.unpublished(source, publications, choice));
  }

  private List<String> though() throws SQLException {
    return ofWhatMoves(choice -> PublishedTables.publishedThough(source, publications, choice));
  }

  private List<String> ofWhatMoves(Settled.Question<List<String>> question) throws SQLException {
    return Settled.ask(Side.SOURCE, move, source, question);
  }

  private List<String> twice() throws SQLException {
    return PublishedTables.names(
        source,
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_publication_tables WHERE pubname = "
            + PublishedTables.anyOf(publications)
            + " GROUP BY 1 HAVING count(*) > 1 ORDER BY 1");
  }

  /** Whatever streams have been published under this migration's name. */
  private List<String> found() throws SQLException {
    return PublishedTables.names(
        source,
        "SELECT pubname FROM pg_publication WHERE pubname ~ "
            + Quoting.literal(names.forwardStreams())
            + " ORDER BY 1");
  }

  private boolean hasSlots() throws SQLException {
    return !PublishedTables.names(
            source,
            "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND slot_name ~ "
                + Quoting.literal(names.ownSlots()))
        .isEmpty();
  }

  private int count() throws SQLException {
    return PublishedTables.published(source, publications).size() - each.size();
  }
}
