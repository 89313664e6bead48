package dev.whimbrel.postgres;

import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What keeps a disposable database from being dropped though all of its sessions are ended. */
final class DatabaseKeepers {
  private static final Duration ANSWER = Duration.ofSeconds(30);

  private static final String PREPARED =
      "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_catalog.pg_prepared_xacts WHERE database = ";

  /** Its slot stays with its publisher, which is another database, and not ours. */
  private static final String SUBSCRIPTIONS =
      "SELECT unnest(ARRAY[format('ALTER SUBSCRIPTION %I DISABLE', s.subname),"
          + " format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', s.subname),"
          + " format('DROP SUBSCRIPTION %I', s.subname)]) FROM pg_catalog.pg_subscription s"
          + " JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = ";

  private final Databases databases;
  private final PostgresSpec server;
  private final String application;

  /**
   * Keepers of databases of one server.
   *
   * @param server how it is reached, in whichever database
   */
  DatabaseKeepers(Databases databases, PostgresSpec server, String application) {
    this.databases = databases;
    this.server = server;
    this.application = application;
  }

  /** Ends them: prepared transactions, subscriptions, a template's mark. Again is harmless. */
  void end(Connection beside, String database) throws SQLException {
    String literal = Quoting.literal(database);
    if (Answers.holds(
        beside, "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = " + literal)) {
      Verbatim.execute(
          beside, "ALTER DATABASE " + Quoting.identifier(database) + " IS_TEMPLATE false");
    }
    List<String> all = new ArrayList<>(PublishedTables.names(beside, PREPARED + literal));
    all.addAll(PublishedTables.names(beside, SUBSCRIPTIONS + literal));
    if (all.isEmpty()) {
      return;
    }
    // One of its sessions may hold a lock that lets nobody in.
    Verbatim.execute(
        beside,
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = "
            + literal);
    PostgresSpec there =
        new PostgresSpec(
            PostgresUrl.inDatabase(server.url(), database), server.password(), null, null);
    try (Connection inside = databases.open(there, application, ANSWER)) {
      // A pooler may choose another one: then the drop says what keeps it.
      if (PublishedTables.names(inside, "SELECT current_database()").equals(List.of(database))) {
        for (String sql : all) {
          Verbatim.execute(inside, sql);
        }
      }
    }
  }
}
