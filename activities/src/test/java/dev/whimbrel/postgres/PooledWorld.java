package dev.whimbrel.postgres;

import dev.whimbrel.runbook.Connect;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** A {@link World} whose applications go through a PgBouncer, which points to the source. */
record PooledWorld(World world, PgBouncer pooler) implements AutoCloseable {

  /** A prepared world, with the pooler in its {@code connect}. */
  static PooledWorld prepared(Pairs pair) throws SQLException {
    return unconnected(pair).connected();
  }

  /** A prepared world of which nobody has said that applications go through a pooler. */
  static PooledWorld unconnected(Pairs pair) throws SQLException {
    World world = new World(pair).prepared();
    return new PooledWorld(
        world, PgBouncer.to(pair.source().port(), world.name()).user("app").start());
  }

  /** From now on the pooler stands in {@code connect}. */
  PooledWorld connected() {
    world.connect(connect(pooler, world.name(), pooler.adminUrl()));
    return this;
  }

  /** The entry of {@code connect} for a pooler whose console is reached at a URL. */
  static Connect connect(PgBouncer pooler, String database, String admin) {
    return new Connect(
        new Connect.PgBouncer(
            admin, null, database, new Connect.Switch(pooler.iniFile().toString(), null)),
        null,
        null,
        false);
  }

  /** Writers through the pooler, which write already. */
  Load load(int writers) {
    Load load =
        new Load(side -> DriverManager.getConnection(pooler.jdbcUrl(), "app", ""), false)
            .start(writers);
    awaitMore(load, 200);
    return load;
  }

  /** Waits until so many more writes are acknowledged. */
  static void awaitMore(Load load, int more) {
    long before = load.acknowledged();
    Wait.until("writes flow", Duration.ofSeconds(10), () -> load.acknowledged() > before + more);
  }

  /** Whether a client of the pooler gets to this server; fails when it is held back. */
  boolean leadsTo(PostgresServer server) throws SQLException {
    String url = pooler.jdbcUrl() + (pooler.jdbcUrl().contains("?") ? "&" : "?");
    try (Connection connection = DriverManager.getConnection(url + "socketTimeout=4", "app", "");
        Statement statement = connection.createStatement();
        var row = statement.executeQuery("SELECT current_setting('port')")) {
      row.next();
      return row.getInt(1) == server.port();
    }
  }

  @Override
  public void close() throws SQLException {
    try (world) {
      pooler.close();
    }
  }
}
