package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.postgres.Inspected.State;
import dev.whimbrel.postgres.Inspected.Way;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.runbook.RunbookFile;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Makes each state by hand, and goes on by running what was printed. */
class InspectionTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static Pairs pair;

  @BeforeAll
  static void startServers() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stopServers() {
    pair.close();
  }

  @Test
  void whatItPrintsGoesForwardAndBackWithoutLosingAWrite() throws Exception {
    World world = World.prepared("both-ways");
    assertThat(world.look().state()).isEqualTo(State.NEVER_HANDED_OVER);

    try (Writer writer = new Writer(pair.source(), world.database())) {
      writer.awaitWrites(50);
      run(world, world.look().ways().get(0));

      assertThat(writer.refusedWith()).isEqualTo(Fence.CLOSED_STATE);
      assertThat(world.ids(pair.target())).containsAll(writer.acknowledged());
    }
    Inspected open = world.look();
    assertThat(open.state()).isEqualTo(State.OPEN);
    assertThat(open.alarms()).isEmpty();
    assertThat(open.facts())
        .anyMatch(fact -> fact.startsWith("The source is closed: "))
        .anyMatch(fact -> fact.startsWith("The target is open: "));

    try (Writer writer = new Writer(pair.target(), world.database())) {
      writer.awaitWrites(50);
      run(world, world.way("Back by hand: make the source the truth again"));

      assertThat(writer.refusedWith()).isEqualTo(Fence.CLOSED_STATE);
      assertThat(world.ids(pair.source())).containsAll(writer.acknowledged());
    }
    Inspected back = world.look();
    assertThat(back.state()).isEqualTo(State.ROLLED_BACK);
    assertThat(back.headline()).startsWith("WRITES GO TO: source (rolled back at ");
    assertThat(back.epoch()).isEqualTo(3);
    pair.source().execute(world.database(), "INSERT INTO orders (what) VALUES ('after')");
  }

  @Test
  void whatItPrintsFinishesAHandOverThatDiedHalfway() throws Exception {
    World world = World.prepared("halfway");
    run(world, world.look().ways().get(0), 2);

    Inspected halfway = world.look();

    assertThat(halfway.state()).isEqualTo(State.HANDED_OVER_NOT_OPEN);
    assertThat(halfway.headline()).startsWith("WRITES GO TO: NONE. The source handed over at ");
    run(world, world.way("Finish by hand: open the target"));
    assertThat(world.look().state()).isEqualTo(State.OPEN);
  }

  @Test
  void whatItPrintsTakesAHandOverBackThatNeverOpened() throws Exception {
    World world = World.prepared("taken-back");
    run(world, world.look().ways().get(0), 2);

    run(world, world.look().ways().get(1));

    Inspected back = world.look();
    assertThat(back.state()).isEqualTo(State.ROLLED_BACK);
    assertThat(back.alarms()).isEmpty();
    pair.source().execute(world.database(), "INSERT INTO orders (what) VALUES ('goes on')");
  }

  @Test
  void refusesToOpenTheTargetBeforeEverythingHasArrived() throws Exception {
    World world = World.prepared("missing");
    pair.target().execute(world.database(), "ALTER SUBSCRIPTION whimbrel_missing_forward DISABLE");
    world.awaitWorkerGone();
    run(world, forwardDespiteTheStream(world), 2);
    Way finish = world.way("Finish by hand: open the target");
    ByHandStep open =
        finish.steps().stream().filter(s -> s.what().equals("Open the target")).findFirst().get();

    assertThat(world.look().facts())
        .contains(
            "The last marker of the source has not arrived on the target: some of its writes are missing there.");
    assertThat(world.failure(open)).contains("not everything has arrived");
    run(world, finish);

    assertThat(world.look().state()).isEqualTo(State.OPEN);
  }

  @Test
  void saysWhatIsKnownWhenOneServerIsGoneAndRaisesAlarmWhenItComesBack() throws Exception {
    World world = World.prepared("gone");
    run(world, world.look().ways().get(0));
    pair.target().stopFast();
    Inspected gone;
    try {
      gone = world.look();
      run(world, gone.ways().get(1));
    } finally {
      pair.target().start();
    }

    assertThat(gone.headline())
        .isEqualTo("WRITES GO TO: target, if it has opened (epoch 2), AND IT CANNOT BE READ.");
    Inspected again = world.look();
    assertThat(again.headline())
        .isEqualTo("ALARM: BOTH SIDES TAKE WRITES. The source is the truth (epoch 4).");
    run(world, again.ways().get(0));
    assertThat(world.look().state()).isEqualTo(State.ROLLED_BACK);
    assertThat(world.look().alarms()).isEmpty();
  }

  @Test
  void changesNothing() throws Exception {
    World world = World.prepared("untouched");
    String before = world.catalog();

    world.look();

    assertThat(world.catalog()).isEqualTo(before);
  }

  @Test
  void readsWithTheRightsOfAnOrdinaryOwner() throws Exception {
    World world = World.prepared("ordinary");
    for (PostgresServer server : List.of(pair.source(), pair.target())) {
      server.execute(
          world.database(),
          "CREATE ROLE looker LOGIN",
          "GRANT USAGE ON SCHEMA whimbrel TO looker",
          "GRANT SELECT ON ALL TABLES IN SCHEMA whimbrel TO looker");
    }

    Inspected found = new Inspection(new Secrets()).look(world.runbook("looker"));

    assertThat(found.headline()).isEqualTo("WRITES GO TO: source (never handed over, epoch 1).");
    assertThat(found.facts()).anyMatch(fact -> fact.startsWith("Subscription whimbrel_ordinary"));
  }

  private static void run(World world, Way way) throws Exception {
    run(world, way, way.steps().size());
  }

  private static void run(World world, Way way, int steps) throws Exception {
    assertThat(way.impossible()).isNull();
    for (ByHandStep step : way.steps().subList(0, steps)) {
      world.run(step);
    }
  }

  /** The way forward of a look at which the stream still ran. */
  private static Way forwardDespiteTheStream(World world) throws Exception {
    pair.target().execute(world.database(), "ALTER SUBSCRIPTION whimbrel_missing_forward ENABLE");
    world.awaitState(State.NEVER_HANDED_OVER);
    Way forward = world.awaitForward();
    pair.target().execute(world.database(), "ALTER SUBSCRIPTION whimbrel_missing_forward DISABLE");
    world.awaitWorkerGone();
    return forward;
  }

  /** A table with its stream, fences and way back, made by hand as the engine would. */
  private record World(String name) {
    static World prepared(String name) throws Exception {
      World world = new World(name);
      String database = world.database();
      Names names = new Names(name);
      for (PostgresServer server : List.of(pair.source(), pair.target())) {
        server.createDatabase(database);
        server.execute(
            database,
            "CREATE TABLE orders (id bigserial PRIMARY KEY, what text)",
            "CREATE SEQUENCE countdown INCREMENT -1 MINVALUE -1000 MAXVALUE 0 START 0");
        try (Connection connection = server.connect(database)) {
          Authority.claim(connection, name, server == pair.source() ? Side.SOURCE : Side.TARGET);
          Markers.create(connection);
          Fence.install(connection);
          Authority.prepared(connection, Fence.fingerprint(connection, Selection.EVERYTHING), true);
        }
      }
      pair.source()
          .execute(
              database,
              "INSERT INTO orders (what) SELECT 'old' FROM generate_series(1, 10)",
              "SELECT nextval('countdown'), nextval('countdown')",
              "CREATE PUBLICATION %s FOR TABLE orders, whimbrel.marker_forward"
                  .formatted(names.forwardPublication()));
      pair.target()
          .execute(
              database,
              "CREATE PUBLICATION %s FOR TABLE orders, whimbrel.marker_reverse"
                  .formatted(names.reversePublication()),
              "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')"
                  .formatted(names.baseSlot()),
              "CREATE SUBSCRIPTION %s CONNECTION '%s' PUBLICATION %s"
                  .formatted(
                      names.forwardSubscription(),
                      pair.source().url(database),
                      names.forwardPublication()));
      pair.source()
          .execute(
              database,
              "CREATE SUBSCRIPTION %s CONNECTION '%s' PUBLICATION %s WITH (enabled = false, create_slot = false, copy_data = false, slot_name = '%s')"
                  .formatted(
                      names.reverseSubscription(),
                      pair.target().url(database),
                      names.reversePublication(),
                      names.liveSlot()));
      world.awaitSynchronised();
      try (Connection connection = pair.target().connect(database)) {
        Fence.close(connection);
      }
      world.awaitForward();
      return world;
    }

    String database() {
      return name;
    }

    Runbook runbook(String user) {
      return RunbookFile.parse(
          """
          name: %s
          source: {postgres: {url: "%s"}}
          target: {postgres: {url: "%s"}}
          connect: [manual]
          """
              .formatted(name, pair.source().url(user, name), pair.target().url(user, name)));
    }

    Inspected look() {
      return new Inspection(new Secrets()).look(runbook("postgres"));
    }

    Way way(String title) {
      return look().ways().stream().filter(w -> w.title().equals(title)).findFirst().orElseThrow();
    }

    Way awaitForward() throws Exception {
      Way[] forward = new Way[1];
      await(
          () -> {
            forward[0] = look().ways().get(0);
            return forward[0].impossible() == null;
          },
          () -> "no way forward: " + forward[0].impossible());
      return forward[0];
    }

    void awaitState(State state) throws Exception {
      await(() -> look().state() == state, () -> "not " + state);
    }

    void awaitSynchronised() throws Exception {
      await(
          () ->
              value(
                      pair.target(),
                      "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
                  .equals("0"),
          () -> "not synchronised");
    }

    void awaitWorkerGone() throws Exception {
      await(
          () ->
              value(
                      pair.target(),
                      "SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL AND subname = '"
                          + new Names(name).forwardSubscription()
                          + "'")
                  .equals("0"),
          () -> "the worker is still there");
    }

    List<Long> ids(PostgresServer server) throws SQLException {
      List<Long> ids = new ArrayList<>();
      try (Connection connection = server.connect(name);
          Statement statement = connection.createStatement();
          ResultSet row = statement.executeQuery("SELECT id FROM orders")) {
        while (row.next()) {
          ids.add(row.getLong(1));
        }
      }
      return ids;
    }

    String catalog() throws SQLException {
      String sql =
          "SELECT (SELECT string_agg(a::text, ' ') FROM whimbrel.authority a)"
              + " || (SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY oid) FROM pg_trigger)"
              + " || (SELECT count(*) FROM pg_class)";
      return value(pair.source(), sql) + value(pair.target(), sql);
    }

    String failure(ByHandStep step) {
      try {
        run(step);
        return "none";
      } catch (Exception e) {
        return String.valueOf(e.getMessage());
      }
    }

    /** Does what a person does with one printed step. */
    void run(ByHandStep step) throws Exception {
      String sql = step.sql();
      if (sql == null) {
        return;
      }
      PostgresServer on = "source".equals(step.on()) ? pair.source() : pair.target();
      if (step.untilTrue()) {
        await(() -> value(on, sql).equals("t"), step::what);
        return;
      }
      try (Connection connection = on.connect(name);
          Statement statement = connection.createStatement()) {
        if (step.what().startsWith("Carry the sequences over")) {
          PostgresServer other = on == pair.source() ? pair.target() : pair.source();
          try (ResultSet row = statement.executeQuery(step.sql())) {
            while (row.next()) {
              other.execute(name, row.getString(1));
            }
          }
        } else {
          statement.execute(step.sql());
        }
      }
    }

    private String value(PostgresServer server, String sql) throws SQLException {
      return Pairs.value(server, name, sql);
    }

    private static void await(Condition condition, java.util.function.Supplier<String> what)
        throws Exception {
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (!condition.holds()) {
        assertThat(System.nanoTime()).as(what.get()).isLessThan(deadline);
        Thread.sleep(20);
      }
    }
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  /** Writes until it is refused, and remembers what was acknowledged. */
  private static final class Writer implements AutoCloseable {
    private final List<Long> acknowledged = new ArrayList<>();
    private final Thread thread;
    private volatile String refused = "";

    Writer(PostgresServer server, String database) {
      thread = new Thread(() -> write(server, database), "writer");
      thread.start();
    }

    private void write(PostgresServer server, String database) {
      try (Connection connection = server.connect(database);
          Statement statement = connection.createStatement()) {
        while (true) {
          try (ResultSet row =
              statement.executeQuery("INSERT INTO orders (what) VALUES ('new') RETURNING id")) {
            row.next();
            synchronized (acknowledged) {
              acknowledged.add(row.getLong(1));
            }
          }
        }
      } catch (SQLException e) {
        refused = String.valueOf(e.getSQLState());
      }
    }

    void awaitWrites(int count) throws Exception {
      World.await(() -> acknowledged().size() >= count, () -> "writes");
    }

    List<Long> acknowledged() {
      synchronized (acknowledged) {
        return List.copyOf(acknowledged);
      }
    }

    String refusedWith() throws InterruptedException {
      thread.join(LIMIT.toMillis());
      return refused;
    }

    @Override
    public void close() {
      try {
        thread.join(LIMIT.toMillis());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
