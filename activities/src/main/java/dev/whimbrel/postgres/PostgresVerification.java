package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesRequest;
import dev.whimbrel.activity.RoundsRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.Verification;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import java.sql.SQLException;
import java.util.function.Consumer;

/**
 * Compares both databases while they go on: data, sequences, large objects, and what the catalogs
 * say. Reads with short statements, {@link dev.whimbrel.activity.Move#jobs} tables, or stretches of
 * a large one, at once; writes nothing but markers on the side that takes the writes, and in
 * Whimbrel's schema on the target the keys of rows that it could not judge.
 */
public final class PostgresVerification implements Verification {
  private final Databases databases;
  private final Consumer<Progress> heartbeat;
  private final Cuts cuts;

  /** Verification whose passwords are resolved by {@code secrets}. */
  public PostgresVerification(Secrets secrets) {
    this(secrets, progress -> Activity.getExecutionContext().heartbeat(progress));
  }

  /**
   * Verification outside of a worker.
   *
   * @param heartbeat told about every second how far it is; what it throws ends the verification
   */
  public PostgresVerification(Secrets secrets, Consumer<Progress> heartbeat) {
    this(secrets, heartbeat, Cuts.USUAL);
  }

  /** Verification that cuts tables in its own way. */
  PostgresVerification(Secrets secrets, Consumer<Progress> heartbeat, Cuts cuts) {
    this.cuts = cuts;
    this.databases = new Databases(secrets);
    this.heartbeat = heartbeat;
  }

  @Override
  public VerificationReport verify(VerifyRequest request) {
    try {
      ComparedSides sides =
          request.move().offline() && request.truth() == Side.SOURCE
              ? new ClosedSides(databases, request)
              : new LiveSides(databases, request);
      return new Comparison(sides, request.hash(), Breath.NONE, cuts, request.move().jobs())
          .run(heartbeat);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot compare the databases of " + request.move().migration(), e);
    }
  }

  @Override
  public QueriesReport compareQueries(QueriesRequest request) {
    try {
      return new QueryComparison(databases, request).run();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot ask both sides of " + request.move().migration(), e);
    }
  }

  @Override
  public VerificationReport keepVerifying(RoundsRequest request) {
    try (Pulse pulse = new Pulse("comparing both databases round and round")) {
      return new Rounds(databases, request, cuts).keep(pulse);
    }
  }
}
