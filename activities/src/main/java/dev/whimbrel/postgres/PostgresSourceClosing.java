package dev.whimbrel.postgres;

import dev.whimbrel.activity.Closed;
import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SourceClosing;
import dev.whimbrel.secrets.Secrets;
import java.sql.SQLException;

/** Closes a PostgreSQL source for as long as somebody keeps it closed. */
public final class PostgresSourceClosing implements SourceClosing {
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
    }
  }

  @Override
  public Outcome openSource(ClosingRequest request) {
    try {
      return SourceOpener.open(databases, request);
    } catch (SQLException e) {
      throw SqlFailures.of("Cannot open the source", e);
    }
  }
}
