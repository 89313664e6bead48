package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.activity.Replication;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SoakReport;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** The forward stream, by PostgreSQL's own logical replication and table synchronisation. */
public final class PostgresReplication implements Replication {
  private static final Duration ANSWER = Duration.ofSeconds(90);

  private final Secrets secrets;
  private final Databases databases;
  private final Pace pace;

  /** Streams whose connections use these secrets. */
  public PostgresReplication(Secrets secrets) {
    this(secrets, Pace.USUAL);
  }

  /** Streams that are looked at as often as {@code pace} says. */
  public PostgresReplication(Secrets secrets, Pace pace) {
    this.secrets = secrets;
    this.databases = new Databases(secrets);
    this.pace = pace;
  }

  @Override
  public Outcome subscribe(Move move) {
    return with(
        move,
        "subscribe",
        (m, source, target) -> StreamStart.of(source, target, m, secrets).begin());
  }

  @Override
  public Outcome awaitCopied(Move move) {
    return with(
        move,
        "await-copied",
        (m, source, target) -> {
          StreamHealth health = new StreamHealth(source, target, m);
          InitialCopy copy = new InitialCopy(target, Stream.leaving(Side.SOURCE, m));
          Progress progress = copy.look();
          long looks = 0;
          while (!copy.isComplete()) {
            looks++;
            Heartbeats.beat(progress.after(looks));
            health.look();
            Pause.of(pace.of(Pace.Watcher.COPY));
            progress = copy.look();
          }
          return new Outcome(progress.line());
        });
  }

  @Override
  public Outcome awaitCaughtUp(Move move) {
    return with(
        move,
        "await-caught-up",
        (m, source, target) -> {
          List<String> slots = Stream.leaving(Side.SOURCE, m).slots();
          StreamHealth health = new StreamHealth(source, target, m);
          Lag lag = new Lag(source, target, "catch-up", pace.of(Pace.Watcher.CATCH_UP));
          Duration last = lag.look();
          long looks = 1;
          while (!lag.arrived() || last.compareTo(m.maxLag()) > 0) {
            long bytes = Lag.bytes(source, slots);
            String line = "a marker takes " + last.toMillis() + " ms, " + bytes + " bytes behind";
            Heartbeats.beat(
                new Progress(line, null, null, last.toMillis(), bytes, null, null, null)
                    .after(looks));
            health.look();
            last = lag.look();
            looks++;
          }
          return new Outcome("a marker travels in " + last.toMillis() + " ms");
        });
  }

  @Override
  public Outcome carrySequences(Move move) {
    return with(
        move,
        "sequences",
        (m, source, target) -> {
          StreamStart.lock(m, source, target);
          StreamStart.requireSourceIsTruth(m, source, target);
          return new Outcome(
              SequencePass.carry(source, target, Selection.of(m, source))
                  + " sequences carried"
                  + EarlyLargeObjects.early(databases, m, source));
        });
  }

  @Override
  public SoakReport soak(SoakRequest request) {
    return with(
        request.move(),
        "soak",
        (m, source, target) -> new Soak(m, request.hold(), source, target, databases, pace).run());
  }

  @Override
  public Outcome unsubscribe(Move move) {
    return new ForwardRemoval(databases, move).run();
  }

  private <T> T with(Move move, String step, Work<T> work) {
    String application = Names.applicationName(move.migration(), step);
    try (Connection source = databases.open(move.source(), application, ANSWER);
        Connection target = databases.open(move.target(), application, ANSWER)) {
      return run(work, step, move, source, target);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot go on with " + step, e);
    }
  }

  /** A full disk is told with its server: the message itself names only a file. */
  private static <T> T run(
      Work<T> work, String step, Move move, Connection source, Connection target)
      throws SQLException {
    try {
      return work.run(move, source, target);
    } catch (SQLException e) {
      if (SqlFailures.is(e, SqlFailures.DISK_FULL)) {
        String consequence = "Cannot go on with " + step;
        throw FullDisk.find(source, target, consequence)
            .orElseGet(() -> SqlFailures.of(consequence, e));
      }
      throw e;
    }
  }

  private interface Work<T> {
    T run(Move move, Connection source, Connection target) throws SQLException;
  }
}
