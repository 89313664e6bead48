package dev.whimbrel.postgres;

import dev.whimbrel.activity.KeptWal;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.activity.WalRequest;
import dev.whimbrel.secrets.Secrets;

/** The log that two PostgreSQL servers keep for the slots of a migration. */
public final class PostgresKeptWal implements KeptWal {
  private final Databases databases;
  private final Pace pace;

  /** A watch whose connections use these secrets. */
  public PostgresKeptWal(Secrets secrets, Pace pace) {
    this.databases = new Databases(secrets);
    this.pace = pace;
  }

  @Override
  public WalReport awaitWal(WalRequest request) {
    try (Pulse pulse = new Pulse("looking at the log that the slots keep")) {
      return new WalWatch(databases, request, pulse, pace).run();
    }
  }
}
