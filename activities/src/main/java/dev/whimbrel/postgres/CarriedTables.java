package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.CopyStages.Stage;
import dev.whimbrel.postgres.Selection.Relation;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the streams of a staged copy must carry, all the time: a table that one of them has not
 * carried for a while looks whole again as soon as it is carried on, and is not.
 */
final class CarriedTables {
  private final Connection source;
  private final Connection target;
  private final Move move;
  private final Stage stage;
  private final Names names;
  private final Names ofStage;
  private final CopyStages stages;

  /** Those up to the stage that is copied, or joins the ones before it. */
  CarriedTables(Connection source, Connection target, Move move, Stage stage) {
    this.source = source;
    this.target = target;
    this.move = move;
    this.stage = stage;
    this.names = new Names(move.migration());
    this.ofStage = Names.ofStage(move.migration());
    this.stages = new CopyStages(target);
  }

  /** The tables of this stage and of those before it. */
  Selection soFar() throws SQLException {
    return Selection.whole(move, source).onlyRowsOf(stages.tablesUpTo(stage.number()));
  }

  /** Those of this stage alone. */
  Selection ofStage() throws SQLException {
    return Selection.whole(move, source).onlyRowsOf(stages.tables(stage.number()));
  }

  private Selection before() throws SQLException {
    return Selection.whole(move, source).onlyRowsOf(stages.tablesUpTo(stage.number() - 1));
  }

  /**
   * Looks at the source alone.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where a table of the stages so
   *     far is gone, or has become another one, or where a stream that runs does not carry one
   */
  void requirePublished() throws SQLException {
    requireTheSame();
    if (!stage.isFirst()) {
      new ForwardPublisher(source, names).requirePublished(before());
    }
    Names own = stage.isFirst() ? names : ofStage;
    if (new ForwardSubscriber(target, own).exists()) {
      new ForwardPublisher(source, own).requirePublished(ofStage());
    }
  }

  private void requireTheSame() throws SQLException {
    Selection now = Selection.whole(move, source);
    List<String> other = new ArrayList<>();
    for (Map.Entry<Long, String> table : stages.namesUpTo(stage.number()).entrySet()) {
      Relation found = now.find(table.getKey());
      if (found == null || !found.label().equals(table.getValue())) {
        other.add(table.getValue());
      }
    }
    if (!other.isEmpty()) {
      throw Failures.needsHelp(
          "Dropped, renamed or made anew on the source since the stages were listed: "
              + String.join(", ", other),
          "give a table that was renamed its name again, then retry; otherwise roll back and start again",
          "whimbrel rollback " + move.migration());
    }
  }

  /** Whether no table of either stream is still being copied by PostgreSQL itself. */
  boolean areSynchronised() throws SQLException {
    return subscribed(names).copied().isEmpty() && subscribed(ofStage).copied().isEmpty();
  }

  /**
   * Looks whether each stream applies what it is sent: a stream passes by the rows of tables that
   * it does not know, and one that begins where two have met takes all of them for whole.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} while a table is still being
   *     copied, {@code NeedsHelp} where one is not known to its stream, or to the wrong one
   */
  void requireApplied() throws SQLException {
    Set<String> own = new TreeSet<>(PublishedTables.holdingRows(source, ofStage()));
    Set<String> first = published(names);
    first.removeAll(own);
    first.addAll(PublishedTables.holdingRows(source, before()));
    own.retainAll(requireKnown(names, first));
    requireKnown(ofStage, published(ofStage));
    if (!own.isEmpty()) {
      throw Failures.needsHelp(
          "Subscription %s has copied %s, which the copy has brought already: rows may be there twice"
              .formatted(names.forwardSubscription(), String.join(", ", own)),
          "roll back and start again",
          "whimbrel rollback " + move.migration());
    }
  }

  /** Returns what the subscription knows, which may be more. */
  private Set<String> requireKnown(Names of, Set<String> wanted) throws SQLException {
    SubscribedTables subscribed = subscribed(of);
    List<String> copied = subscribed.copied();
    if (!copied.isEmpty()) {
      throw Failures.transientFailure(
          "Subscription %s is still copying %s"
              .formatted(of.forwardSubscription(), String.join(", ", copied)));
    }
    Set<String> known = subscribed.quotedBy(source);
    Set<String> unknown = new TreeSet<>(wanted);
    unknown.removeAll(known);
    if (!unknown.isEmpty()) {
      throw Failures.needsHelp(
          "Subscription %s does not know %s: rows that were written there are not on the target"
              .formatted(of.forwardSubscription(), String.join(", ", unknown)),
          "create what is missing on the target, empty, and let the subscription copy it; then retry",
          "ALTER SUBSCRIPTION "
              + of.forwardSubscription()
              + " REFRESH PUBLICATION; -- on the target");
    }
    return known;
  }

  private Set<String> published(Names of) throws SQLException {
    return new TreeSet<>(PublishedTables.published(source, List.of(of.forwardPublication())));
  }

  private SubscribedTables subscribed(Names of) throws SQLException {
    return SubscribedTables.of(target, of.forwardSubscription());
  }
}
