package dev.whimbrel.postgres;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SourceClosing;
import dev.whimbrel.secrets.Secrets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/** Closes a PostgreSQL source for as long as somebody keeps it closed. */
public final class PostgresSourceClosing implements SourceClosing {
  private static final Duration ANSWER = Duration.ofSeconds(30);

  private final Databases databases;

  /** One whose connections use these secrets. */
  public PostgresSourceClosing(Secrets secrets) {
    this.databases = new Databases(secrets);
  }

  @Override
  public Closed closeSource(ClosingRequest request) {
    try (Pulse pulse = new Pulse("closing the source")) {
      return new SourceCloser(databases, request, pulse).close();
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot close the source", e);
    }
  }

  @Override
  public Outcome keepClosed(ClosingRequest request) {
    try (Pulse pulse = new Pulse("keeping the source closed");
        EngineWatch engine = EngineWatch.ofThisActivity()) {
      return new ClosingKeeper(databases, request, engine::lives).keep(pulse);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot keep the source closed", e);
    }
  }

  @Override
  public Outcome openSource(ClosingRequest request) {
    Move move = request.move();
    String application = Names.applicationName(move.migration(), "open-source");
    try (Connection source = databases.open(move.source(), application, ANSWER)) {
      boolean closed = Closing.end(source, "opened");
      Closing.lift(source);
      return new Outcome(
          closed ? "the source takes writes again" : "the source was not closed for a copy");
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot open the source", e);
    }
  }
}
