package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Readiness;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Two databases with a running forward stream, ready to be prepared for a switchover. */
final class World implements AutoCloseable {
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final Pairs pair;
  private final String name = "w" + NUMBER.incrementAndGet();
  private Move move;

  /** With one stream, or with as many as {@code -Dstreams} says. */
  World(Pairs pair) throws SQLException {
    this(pair, Integer.getInteger(SwitchoverProcess.STREAMS, 1));
  }

  /** Whose tables so many streams share. */
  World(Pairs pair, int streams) throws SQLException {
    this.pair = pair;
    this.move = pair.database(name).sharedBy(streams);
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      server.execute(
          name,
          "DO $$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$",
          Load.SCHEMA,
          "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
          "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app");
      try (Connection connection = server.connect(name)) {
        Markers.create(connection, server == pair.source() ? Side.SOURCE : Side.TARGET, move);
      }
    }
    publish();
    for (Names names : Names.streams(move)) {
      pair.target()
          .execute(
              name,
              "CREATE SUBSCRIPTION %s CONNECTION 'host=127.0.0.1 port=%d dbname=%s user=postgres' PUBLICATION %s"
                  .formatted(
                      names.forwardSubscription(),
                      pair.source().port(),
                      name,
                      names.forwardPublication()));
    }
    Wait.until(
        "all tables are synchronised",
        Duration.ofSeconds(60),
        () ->
            Pairs.value(
                    pair.target(),
                    name,
                    "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
                .equals("0"));
    try (Connection target = pair.target().connect(name)) {
      Fence.install(target);
      Fence.close(target);
    }
  }

  private void publish() throws SQLException {
    if (move.shared()) {
      try (Connection source = pair.source().connect(name)) {
        new Sharing(source, move).publish();
      }
      return;
    }
    pair.source()
        .execute(
            name,
            "CREATE PUBLICATION %s FOR TABLE entry, counter, event_0, event_1, \"Übung x\", whimbrel.marker_forward"
                .formatted(new Names(name).forwardPublication()));
  }

  String name() {
    return name;
  }

  Move move() {
    return move;
  }

  /** Adds how applications follow. */
  World connect(Connect connect) {
    move =
        new Move(
                name,
                move.source(),
                move.target(),
                List.of(connect),
                move.leftBehind(),
                move.jobs(),
                move.maxLag())
            .sharedBy(move.streams());
    return this;
  }

  Pairs pair() {
    return pair;
  }

  PostgresServer server(Side side) {
    return side == Side.SOURCE ? pair.source() : pair.target();
  }

  Connection connect(Side side) throws SQLException {
    return server(side).connect(name);
  }

  PostgresSwitchover switchover() {
    return new PostgresSwitchover(new Secrets());
  }

  World prepared() {
    Readiness readiness = switchover().prepareSwitchover(move);
    if (!readiness.canGoBack()) {
      throw new AssertionError("no way back: " + readiness.findings());
    }
    return this;
  }

  SwitchoverRequest to(Side side) {
    return request(side, null, Duration.ofSeconds(30));
  }

  SwitchoverRequest request(Side to, @Nullable String acceptLossBy, Duration patience) {
    return new SwitchoverRequest(
        move, to, Duration.ofSeconds(5), patience, acceptLossBy, "a test asked for it");
  }

  /** Writers that know both addresses. */
  Load load(int writers) {
    return new Load(
            side -> server(side == null ? Side.SOURCE : side).connect(name, "app", null), true)
        .start(writers);
  }

  /** Waits until everything that one side has committed is on the other. */
  void awaitArrival(Side from) throws SQLException {
    try (Connection here = connect(from);
        Connection there = connect(from.other())) {
      java.util.UUID marker = Markers.write(here, from, "test");
      if (!Markers.await(there, from, marker, Duration.ofSeconds(30))) {
        throw new AssertionError("the stream from the " + from.word() + " stands still");
      }
    }
  }

  /** Removes streams and slots, of which a server has few. */
  @Override
  public void close() throws SQLException {
    for (Side side : Side.values()) {
      try (Connection connection = connect(side);
          Statement statement = connection.createStatement()) {
        statement.execute(
            """
            DO $$ DECLARE s record; BEGIN
              FOR s IN SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LOOP
                EXECUTE format('ALTER SUBSCRIPTION %1$I DISABLE', s.subname);
                EXECUTE format('ALTER SUBSCRIPTION %1$I SET (slot_name = NONE)', s.subname);
                EXECUTE format('DROP SUBSCRIPTION %I', s.subname);
              END LOOP;
            END $$""");
      }
    }
    for (Side side : Side.values()) {
      Wait.until(
          "slots are dropped",
          Duration.ofSeconds(20),
          () -> {
            Pairs.value(
                server(side),
                name,
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL AND database = current_database()");
            Pairs.value(
                server(side),
                name,
                "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE database = current_database()");
            return true;
          });
    }
  }
}
