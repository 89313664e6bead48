package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** People change tables of the target while a rollback is on offer. */
class DeployInTheWindowTest {
  private static final String SAME = "SET whimbrel.same_change = on";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 18);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest
  @CsvSource({"13, 15", "16, 18"})
  void stopsNoRollbackOnceTheSourceHasTheChangeToo(int from, int to) throws Exception {
    try (Pairs own = Pairs.of(from, to);
        World world = inTheWindow(own)) {
      String[] changes = {
        "CREATE TABLE later (id int PRIMARY KEY)",
        "ALTER TABLE entry ADD COLUMN note text",
        "ALTER TABLE counter ADD COLUMN later int DEFAULT 7"
      };
      own.target().execute(world.name(), changes);
      own.target().execute(world.name(), "INSERT INTO later VALUES (1)");

      assertThat(obstacle(world))
          .isEqualTo(
              "the source lacks column public.counter.later, column public.entry.note, table public.later and 1 more");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("leaves out public.later");

      own.source().execute(world.name(), SAME, changes[0]);
      own.target().execute(world.name(), publish(world, "ADD", "later"));
      assertThat(obstacle(world)).contains("table public.later in subscription");
      refresh(world);
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining(
              "The target has what is missing on the source: column public.counter.later, column public.entry.note");

      own.source().execute(world.name(), SAME, changes[1], changes[2]);
      own.target()
          .execute(
              world.name(), "INSERT INTO entry (writer, n, note) VALUES (1, 1, 'of the window')");
      assertThat(obstacle(world)).isNull();
      world.switchover().settle(world.to(Side.SOURCE));

      assertThat(
              value(
                  own.source(),
                  world,
                  "SELECT (SELECT count(*) FROM later) || ' ' || (SELECT string_agg(note, '') FROM entry)"))
          .isEqualTo("1 of the window");
      own.source().execute(world.name(), "INSERT INTO later VALUES (2)");
      assertThatThrownBy(() -> own.target().execute(world.name(), "INSERT INTO later VALUES (3)"))
          .hasStackTraceContaining("this database is closed");
    }
  }

  @Test
  void losesNoWriteOfATableThatWasMadeAgainUnderItsOldName() throws Exception {
    try (World world = inTheWindow(pair)) {
      pair.target()
          .execute(
              world.name(),
              "INSERT INTO counter VALUES (10, 1)",
              "CREATE TABLE counter_new (LIKE counter INCLUDING ALL)",
              "INSERT INTO counter_new SELECT * FROM counter",
              "DROP TABLE counter",
              "ALTER TABLE counter_new RENAME TO counter",
              publish(world, "ADD", "counter"),
              "INSERT INTO counter VALUES (11, 2)");
      refresh(world);

      assertThat(obstacle(world))
          .isEqualTo(
              "the target was changed: table public.counter, whose rows were not copied to the source");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("table public.counter, whose rows were not copied");

      pair.target().execute(world.name(), publish(world, "DROP", "counter"));
      refresh(world);
      pair.source()
          .execute(
              world.name(),
              SAME,
              "DROP TABLE counter",
              Load.SCHEMA.lines().filter(line -> line.contains("TABLE counter")).findFirst().get());
      pair.target().execute(world.name(), publish(world, "ADD", "counter"));
      refresh(world);
      assertThat(obstacle(world)).isNull();
      world.switchover().settle(world.to(Side.SOURCE));

      assertThat(
              value(pair.source(), world, "SELECT count(*) FROM counter WHERE writer IN (10, 11)"))
          .isEqualTo("2");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ALTER TABLE entry ALTER COLUMN n TYPE numeric USING n / 100.0",
        "ALTER TABLE entry RENAME COLUMN n TO x; ALTER TABLE entry RENAME COLUMN writer TO n; ALTER TABLE entry RENAME COLUMN x TO writer",
        "ALTER TABLE entry DROP COLUMN n; ALTER TABLE entry ADD COLUMN n int",
        "ALTER TABLE entry DROP COLUMN n"
      })
  void stopsARollbackWhoseRowsMeanSomethingElse(String change) throws Exception {
    try (World world = inTheWindow(pair)) {
      pair.target().execute(world.name(), change);

      assertThat(obstacle(world)).startsWith("the target was changed: column public.entry.");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("so that its rows are not those of the source");
    }
  }

  @Test
  void stopsARollbackWhereEachSideFilledAColumnForItself() throws Exception {
    try (World world = inTheWindow(pair)) {
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      String change = "ALTER TABLE entry ADD COLUMN tok float8 DEFAULT random()";
      pair.target().execute(world.name(), change);
      pair.source().execute(world.name(), SAME, change);

      assertThat(obstacle(world))
          .isEqualTo(
              "the target was changed: column public.entry.tok, which each side has filled for itself");
    }
  }

  @Test
  void knowsTheSameNameWhateverAServerQuotes() throws Exception {
    try (World world = new World(pair)) {
      for (Side side : Side.values()) {
        world.server(side).execute(world.name(), "ALTER TABLE counter ADD COLUMN json int");
      }
      world.prepared();

      assertThat(world.switchover().handOver(world.to(Side.TARGET)).handedOver()).isTrue();
      assertThat(obstacle(world)).isNull();
      world.switchover().settle(world.to(Side.SOURCE));
    }
  }

  @Test
  void opensTheFenceToTheTableSyncAlone() throws Exception {
    try (World world = inTheWindow(pair);
        Connection app = world.connect(Side.SOURCE)) {
      Wait.until(
          "the stream back runs",
          Duration.ofSeconds(20),
          () ->
              !value(pair.source(), world, "SELECT count(*) FROM pg_stat_get_subscription(NULL)")
                  .equals("0"));
      for (String type : new String[] {"oid, oid", "int, int"}) {
        String function = "app_equals_" + type.charAt(0);
        app.createStatement()
            .execute(
                "CREATE SCHEMA IF NOT EXISTS app_own; CREATE FUNCTION app_own.%s(%s) RETURNS bool LANGUAGE sql AS 'SELECT true'"
                    .formatted(function, type));
        app.createStatement()
            .execute(
                "CREATE OPERATOR app_own.= (FUNCTION = app_own.%s, LEFTARG = %2$s, RIGHTARG = %2$s)"
                    .formatted(function, type.substring(0, type.indexOf(','))));
      }
      app.createStatement().execute("SET search_path = app_own, pg_catalog, public");

      assertThatThrownBy(
              () ->
                  app.createStatement()
                      .execute("INSERT INTO public.entry (writer, n) VALUES (1, 1)"))
          .hasMessageContaining("this database is closed");
    }
  }

  private static World inTheWindow(Pairs pairs) throws Exception {
    World world = new World(pairs).prepared();
    world.switchover().handOver(world.to(Side.TARGET));
    return world;
  }

  private static @Nullable String obstacle(World world) throws Exception {
    return new WayBackWatch(new Databases(new Secrets()), world.move(), Pace.USUAL)
        .look()
        .obstacle();
  }

  private static String publish(World world, String verb, String table) {
    return "ALTER PUBLICATION %s %s TABLE %s"
        .formatted(new Names(world.name()).reversePublication(), verb, table);
  }

  private static void refresh(World world) throws Exception {
    world
        .server(Side.SOURCE)
        .execute(
            world.name(),
            "ALTER SUBSCRIPTION %s REFRESH PUBLICATION"
                .formatted(new Names(world.name()).reverseSubscription()));
    Wait.until(
        "all tables are synchronised",
        Duration.ofSeconds(30),
        () ->
            value(
                    world.server(Side.SOURCE),
                    world,
                    "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
                .equals("0"));
  }

  private static String value(PostgresServer server, World world, String sql) throws Exception {
    return Pairs.value(server, world.name(), sql);
  }
}
