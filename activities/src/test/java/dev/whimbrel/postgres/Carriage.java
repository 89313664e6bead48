package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.math.BigInteger;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Carries a database as a migration does from its plan to the soak, and judges what arrived. */
final class Carriage {
  private static final int ROUNDS = 8;

  private final Pairs pair;
  private final Move move;
  private final Secrets secrets = new Secrets();
  private final PostgresSchema schema = new PostgresSchema(secrets);
  private final PostgresReplication replication = new PostgresReplication(secrets);
  private final PostgresPreflight preflight = new PostgresPreflight(secrets);

  /** Tables of more than sixteen pages are cut. */
  private final PostgresCopy copy = new PostgresCopy(secrets, Pace.USUAL, 16 * 8192);

  Carriage(Pairs pair, Move move) {
    this.pair = pair;
    this.move = move;
  }

  /** Carries the schema alone, in its three steps. Says the outcome of the last. */
  static Outcome schema(Move move) {
    PostgresSchema schema = new PostgresSchema(new Secrets());
    schema.createTables(move);
    schema.createKeys(move);
    return schema.createRest(move);
  }

  /**
   * Does what the plan asks for, in its own words, until it asks for nothing more.
   *
   * @throws IllegalStateException if a fix does not work
   */
  void followTheAdvice() throws SQLException {
    for (int round = 0; round < ROUNDS; round++) {
      List<Finding> blockers = preflight.preflight(move).blockers();
      if (blockers.isEmpty()) {
        return;
      }
      for (Finding finding : blockers) {
        pair.source()
            .execute(move.migration(), Objects.requireNonNull(finding.fix(), finding.toString()));
      }
    }
    assertThat(preflight.preflight(move).blockers()).isEmpty();
  }

  /** Carries schema, rows, indexes and sequences, with the stream behind them, and compares. */
  VerificationReport carry() throws SQLException {
    preflight.claim(move);
    schema.createTables(move);
    copy.prepareCopy(move);
    try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
      copy.openGeneration(holder.request);
      CopyShare share = copy.copyPieces(holder.request);
      assertThat(share.snapshotLost()).isFalse();
    }
    System.out.println(move.migration() + ": " + copy.finishCopy(move).line());
    replication.subscribe(move);
    schema.createRest(move);
    replication.awaitCaughtUp(move);
    schema.analyze(move);
    replication.carrySequences(move);
    return new PostgresVerification(secrets, progress -> {})
        .verify(new VerifyRequest(move, Side.SOURCE));
  }

  /** Holds the copy by PostgreSQL's own tools against a restored dump, and against every row. */
  void assertArrivedWhole() throws IOException {
    String name = move.migration();
    assertThat(Corpus.schema(pair.target(), name)).isEqualTo(Corpus.reference(pair, name));
    Map<String, List<String>> there = Corpus.referenceRows(pair, name);
    Map<String, List<String>> here = Corpus.rows(pair.target(), name);
    assertThat(here.keySet()).isEqualTo(there.keySet());
    there.forEach((table, rows) -> assertThat(here.get(table)).as(table).isEqualTo(rows));
    assertThat(Corpus.views(pair.target(), name)).isEqualTo(Corpus.referenceViews(pair, name));
    Map<String, BigInteger> carried = Corpus.sequences(pair.target(), name);
    Corpus.sequences(pair.source(), name)
        .forEach(
            (sequence, last) ->
                assertThat(carried.get(sequence))
                    .as(sequence)
                    .isNotNull()
                    .isGreaterThanOrEqualTo(last));
  }

  /** Ends the stream, so that another database of the same servers can follow. */
  void end() {
    replication.unsubscribe(move);
  }
}
