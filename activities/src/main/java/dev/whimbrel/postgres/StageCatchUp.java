package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.postgres.CopyStages.Stage;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Waits until the stream of a stage, and the one of the stages before it, have caught up. */
final class StageCatchUp {
  private static final Duration BETWEEN_LOOKS_AT_TABLES = Duration.ofMinutes(1);

  private final Connection source;
  private final Stage stage;
  private final CarriedTables carried;
  private final List<Following> streams = new ArrayList<>();

  /**
   * Looks through two sessions in autocommit mode.
   *
   * @param slice how long one look may take
   */
  StageCatchUp(Connection source, Connection target, Move move, Stage stage, Duration slice) {
    this.source = source;
    this.stage = stage;
    this.carried = new CarriedTables(source, target, move, stage);
    List<Names> all = new ArrayList<>(List.of(new Names(move.migration())));
    if (!stage.isFirst()) {
      all.add(Names.ofStage(move.migration()));
    }
    for (Names names : all) {
      streams.add(
          new Following(
              names,
              new StreamHealth(source, target, move, names),
              new Lag(source, target, names.forwardMarker(), "catch-up", slice)));
    }
  }

  /** A stream that is waited for. */
  private record Following(Names names, StreamHealth health, Lag lag) {}

  /**
   * Returns when a marker has come by each in less than a limit; in words.
   *
   * @param limit the runbook's {@code maxLag}, or less
   * @param tell hears how far they are
   * @throws io.temporal.failure.ApplicationFailure where one stands still, or does not carry what
   *     it must
   */
  String await(Duration limit, Consumer<Progress> tell) throws SQLException {
    Instant nextLook = Instant.MIN;
    for (long looks = 1; ; looks++) {
      if (Instant.now().isAfter(nextLook)) {
        carried.requirePublished();
        nextLook = Instant.now().plus(BETWEEN_LOOKS_AT_TABLES);
      }
      long slowest = 0;
      long bytes = 0;
      boolean arrived = true;
      for (Following stream : streams) {
        stream.health().look();
        slowest = Math.max(slowest, stream.lag().look().toMillis());
        arrived &= stream.lag().arrived();
        bytes = Math.max(bytes, Lag.bytes(source, List.of(stream.names().forwardSubscription())));
      }
      String line = "a marker takes %d ms, %s behind".formatted(slowest, Size.words(bytes));
      if (arrived && slowest <= limit.toMillis() && carried.areSynchronised()) {
        return line;
      }
      tell.accept(
          new Progress(
                  stage.words() + " is copied, and its stream catches up: " + line,
                  null,
                  null,
                  slowest,
                  bytes,
                  null,
                  null,
                  null)
              .after(looks));
    }
  }
}
