package dev.whimbrel.postgres;

import static java.util.stream.Collectors.joining;

import dev.whimbrel.activity.Side;
import java.math.BigInteger;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Compares sequences. Streams do not carry their values, so the follower's may be behind until the
 * switchover or the rollback carries them over; the target's may not be behind the source's once
 * the target is the truth, since it would hand out values twice. Then the watch over the way back
 * keeps the source's ahead by {@link Sequences#MARGIN} values of what the target had handed out, so
 * that more than this is damage.
 */
final class SequenceComparison {
  private static final int AT_ONCE = 200;

  private static final String SETTINGS =
      """
      select n.nspname, c.relname, s.seqincrement, s.seqcycle, concat_ws(' ',
        format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement,
        'min', s.seqmin, 'max', s.seqmax, 'cache', s.seqcache,
        case when s.seqcycle then 'cycle' end),
        has_sequence_privilege(c.oid, 'select')
          and not (c.relpersistence = 'u' and pg_is_in_recovery())
      from pg_sequence s join pg_class c on c.oid = s.seqrelid
        join pg_namespace n on n.oid = c.relnamespace
      where c.relpersistence <> 't' and\s"""
          + TableCatalog.USER_SCHEMAS;

  private final Pair pair;
  private final Side truth;
  private final Tally tally;
  private final String whyBehind;

  /** Compares the sequences of two sides with a stream between them. */
  SequenceComparison(Pair pair, Side truth, Tally tally) {
    this(pair, truth, tally, untilCarried(truth));
  }

  /**
   * Compares the sequences of both sides.
   *
   * @param whyBehind why a value may be behind on the side that follows, in words
   */
  SequenceComparison(Pair pair, Side truth, Tally tally, String whyBehind) {
    this.pair = pair;
    this.truth = truth;
    this.tally = tally;
    this.whyBehind = whyBehind;
  }

  /** Why a value may be behind on the side that a stream feeds. */
  static String untilCarried(Side truth) {
    return "they may be behind on the %s until the %s carries them over"
        .formatted(truth.other().word(), truth == Side.SOURCE ? "switchover" : "rollback");
  }

  void run() throws SQLException {
    Map<String, Sequence> ofFollower = list(pair.follower());
    Map<String, Sequence> ofTruth = list(pair.truth());
    // What does not move may be dropped in this moment; what is missing is said of the catalogs.
    ofFollower.keySet().retainAll(ofTruth.keySet());
    ofTruth.keySet().retainAll(ofFollower.keySet());
    // The side that may not be ahead is read first: what is handed out in between does no harm.
    readValues(pair.follower(), ofFollower);
    readValues(pair.truth(), ofTruth);
    boolean mayBeBehind = false;
    for (Map.Entry<String, Sequence> entry : ofTruth.entrySet()) {
      Sequence other = Objects.requireNonNull(ofFollower.get(entry.getKey()));
      mayBeBehind |= compare(entry.getValue(), other);
    }
    if (mayBeBehind) {
      // Said whether or not one is behind at this moment: a finding that comes and goes with the
      // load would withdraw the approval of evidence that is as good as before.
      tally.notCompared("values of sequences: " + whyBehind);
    }
    List<String> cyclic =
        ofTruth.values().stream().filter(Sequence::cycles).map(Sequence::label).toList();
    if (!cyclic.isEmpty()) {
      tally.notCompared("values of sequences that cycle: " + DatabaseChecks.some(cyclic));
    }
  }

  /** Returns whether the follower is, or may at another moment be, behind. */
  private boolean compare(Sequence ofTruth, Sequence ofFollower) {
    String name = ofTruth.label();
    if (!ofTruth.settings().equals(ofFollower.settings())) {
      tally.difference(
          "sequence %s: %s on the %s, %s on the %s"
              .formatted(
                  name,
                  ofTruth.settings(),
                  tally.truth(),
                  ofFollower.settings(),
                  tally.follower()));
    }
    if (!ofTruth.readable() || !ofFollower.readable()) {
      tally.notCompared(
          "sequence " + name + ": its value. Fix: GRANT SELECT ON SEQUENCE " + ofTruth.qualified());
      return false;
    }
    if (ofTruth.cycles()) {
      return false;
    }
    if (truth == Side.TARGET && ofTruth.isBehind(ofFollower)) {
      tally.difference(
          "sequence %s: the target is at %d, behind the source's %d, and would hand out values twice. Fix: SELECT setval('%s', %d);"
              .formatted(
                  name,
                  ofTruth.last(),
                  ofFollower.last(),
                  ofTruth.qualified().replace("'", "''"),
                  ofFollower.last()));
    }
    return true;
  }

  /**
   * A sequence.
   *
   * @param increment negative when it counts down
   * @param last the last value handed out; one increment before the start when there was none
   * @param called whether a value was handed out
   */
  private record Sequence(
      String schema,
      String name,
      long increment,
      boolean cycles,
      String settings,
      boolean readable,
      long last,
      boolean called) {
    /** Whether the follower is further than the watch over the way back may have carried it. */
    boolean isBehind(Sequence follower) {
      BigInteger further =
          BigInteger.valueOf(follower.last)
              .subtract(BigInteger.valueOf(last))
              .multiply(BigInteger.valueOf(Long.signum(increment)));
      BigInteger leeway =
          BigInteger.valueOf(increment)
              .abs()
              .multiply(BigInteger.valueOf(called ? Sequences.MARGIN : 0));
      return further.compareTo(leeway) > 0;
    }

    String label() {
      return Quoting.shown(schema, name);
    }

    String qualified() {
      return Quoting.qualified(schema, name);
    }

    Sequence at(long value, boolean called) {
      return new Sequence(
          schema,
          name,
          increment,
          cycles,
          settings,
          readable,
          called ? value : value - increment,
          called);
    }
  }

  private static Map<String, Sequence> list(Connection connection) throws SQLException {
    Map<String, Sequence> sequences = new TreeMap<>();
    new Query()
        .add(SETTINGS)
        .run(
            connection,
            row -> {
              Sequence sequence =
                  new Sequence(
                      Objects.requireNonNull(row.getString(1)),
                      Objects.requireNonNull(row.getString(2)),
                      row.getLong(3),
                      row.getBoolean(4),
                      Objects.requireNonNull(row.getString(5)),
                      row.getBoolean(6),
                      0,
                      false);
              sequences.put(sequence.qualified(), sequence);
            });
    return sequences;
  }

  private static void readValues(Connection connection, Map<String, Sequence> sequences)
      throws SQLException {
    List<Sequence> readable =
        new ArrayList<>(sequences.values().stream().filter(Sequence::readable).toList());
    for (int from = 0; from < readable.size(); from += AT_ONCE) {
      List<Sequence> some = readable.subList(from, Math.min(readable.size(), from + AT_ONCE));
      Query query =
          new Query()
              .add(
                  some.stream()
                      .map(
                          sequence ->
                              "select "
                                  + Quoting.literal(sequence.qualified())
                                  + ", last_value, is_called from "
                                  + sequence.qualified())
                      .collect(joining(" union all ")));
      query.run(
          connection,
          row -> {
            long value = row.getLong(2);
            boolean called = row.getBoolean(3);
            sequences.computeIfPresent(
                Objects.requireNonNull(row.getString(1)),
                (name, sequence) -> sequence.at(value, called));
          });
    }
  }
}
