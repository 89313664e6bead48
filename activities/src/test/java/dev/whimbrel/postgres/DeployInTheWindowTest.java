package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
  void stopsNoRollbackOnceTheSourceHasTheColumnsToo(int from, int to) throws Exception {
    try (Pairs own = Pairs.of(from, to);
        World world = inTheWindow(own)) {
      String[] changes = {
        "ALTER TABLE entry ADD COLUMN note text",
        "ALTER TABLE counter ADD COLUMN later int NOT NULL DEFAULT 7"
      };
      own.target().execute(world.name(), changes);

      assertThat(obstacle(world))
          .isEqualTo("the source lacks column public.counter.later, column public.entry.note");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining(
              "The target has what is missing on the source: column public.counter.later, column public.entry.note");

      own.source().execute(world.name(), SAME, changes[0], changes[1]);
      own.target()
          .execute(
              world.name(), "INSERT INTO entry (writer, n, note) VALUES (1, 1, 'of the window')");
      assertThat(obstacle(world)).isNull();
      world.switchover().settle(world.to(Side.SOURCE));

      assertThat(value(own.source(), world, "SELECT string_agg(note, '') FROM entry"))
          .isEqualTo("of the window");
    }
  }

  @ParameterizedTest
  @CsvSource({"13, 15", "16, 18"})
  void stopsARollbackWhileTheTargetHasATableThatWasMadeSince(int from, int to) throws Exception {
    try (Pairs own = Pairs.of(from, to);
        World world = inTheWindow(own)) {
      String create = "CREATE TABLE later (id int PRIMARY KEY)";
      own.target().execute(world.name(), create, "INSERT INTO later VALUES (1)");
      assertThat(obstacle(world)).contains("the source lacks table public.later");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("leaves out public.later");

      own.source().execute(world.name(), SAME, create);
      own.target().execute(world.name(), publish(world, "ADD", "later"));
      assertThat(obstacle(world)).contains("table public.later in subscription");
      refresh(world);

      assertThat(value(own.source(), world, "SELECT count(*) FROM later")).isEqualTo("1");
      assertThatThrownBy(() -> own.source().execute(world.name(), "INSERT INTO later VALUES (2)"))
          .hasStackTraceContaining("this database is closed");
      assertThat(obstacle(world))
          .isEqualTo("tables were changed: table public.later, which was made since");
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("table public.later, which was made since");

      own.target().execute(world.name(), "DROP TABLE later");
      assertThat(obstacle(world)).isNull();
      world.switchover().settle(world.to(Side.SOURCE));
    }
  }

  /**
   * A change that the stream carries on through, with rows that mean something else afterwards.
   *
   * @param there what is done on the target; {@code #} stands for the change's own tables
   * @param here what is done on the source after it
   * @param found what has to be said
   */
  private record Change(String there, String here, String found) {}

  private static final List<Change> CHANGES =
      List.of(
          new Change(
              "ALTER TABLE pair# ALTER a TYPE numeric USING a / 100.0",
              "",
              "column public.pair#.a integer, which is a numeric now"),
          new Change(
              "ALTER TABLE pair# RENAME a TO x; ALTER TABLE pair# RENAME b TO a; ALTER TABLE pair# RENAME x TO b",
              "",
              "column public.pair#.a integer, which is b integer now"),
          new Change(
              "ALTER TABLE pair# DROP a; ALTER TABLE pair# ADD a int",
              "",
              "column public.pair#.a, which was dropped"),
          new Change("ALTER TABLE pair# DROP a", "", "column public.pair#.a, which was dropped"),
          new Change(
              "",
              "ALTER TABLE pair# DROP a; ALTER TABLE pair# ADD a int",
              "column public.pair#.a, which was dropped on the source"),
          new Change(
              "ALTER TABLE one# RENAME TO x; ALTER TABLE two# RENAME TO one#; ALTER TABLE x RENAME TO two#",
              "",
              "table public.one#, which was renamed"),
          new Change(
              "CREATE TABLE x (LIKE one# INCLUDING ALL); DROP TABLE one#; ALTER TABLE x RENAME TO one#; ALTER PUBLICATION {} ADD TABLE one#",
              "",
              "table public.one#, which was dropped or made again"),
          new Change(
              "ALTER PUBLICATION {} DROP TABLE one#; ALTER PUBLICATION {} ADD TABLE one#",
              "",
              "table public.one#, which was taken out of the publication"),
          new Change(
              "ALTER PUBLICATION {} DROP TABLE one#; ALTER TABLE one# SET UNLOGGED",
              "",
              "table public.one#, which was made logged or unlogged"),
          new Change(
              "ALTER TABLE root# ATTACH PARTITION part# FOR VALUES IN (1)",
              "",
              "table public.part#, which was attached or detached"),
          new Change(
              "ALTER TYPE mood# RENAME VALUE 'new' TO 'open'",
              "ALTER TYPE mood# ADD VALUE 'open'",
              "value 'new' of public.mood#, which was renamed"),
          new Change(
              "ALTER TABLE one# ADD tok float8 DEFAULT random()",
              "ALTER TABLE one# ADD tok float8 DEFAULT random()",
              "column public.one#.tok, since which the table was written anew"),
          new Change(
              "ALTER TABLE one# ADD at timestamptz DEFAULT now()",
              "ALTER TABLE one# ADD at timestamptz DEFAULT now()",
              "column public.one#.at timestamp with time zone with {"),
          new Change(
              "ALTER TABLE one# ADD s text DEFAULT 'new'",
              "ALTER TABLE one# ADD s text; ALTER TABLE one# ALTER s SET DEFAULT 'new'",
              "column public.one#.s text with {new}, which is text there"),
          new Change(
              "ALTER TABLE one# ADD tok float8 DEFAULT random(); ALTER TABLE one# ALTER tok DROP DEFAULT",
              "ALTER TABLE one# ADD tok float8 DEFAULT random(); ALTER TABLE one# ALTER tok DROP DEFAULT",
              "column public.one#.tok, since which the table was written anew"),
          new Change(
              "ALTER PUBLICATION {} SET (publish = 'insert')",
              "",
              "publication {}, which leaves out some kinds of writes"));

  @Test
  void stopsARollbackWhoseRowsMayMeanSomethingElse() throws Exception {
    try (World world = new World(pair)) {
      Names names = new Names(world.name());
      for (int i = 0; i < CHANGES.size(); i++) {
        for (Side side : Side.values()) {
          world
              .server(side)
              .execute(
                  world.name(),
                  SAME,
                  "CREATE TYPE mood%d AS ENUM ('new', 'old')".formatted(i),
                  "CREATE TABLE pair%d (id int PRIMARY KEY, a int, b int)".formatted(i),
                  "CREATE TABLE one%d (id int PRIMARY KEY)".formatted(i),
                  "CREATE TABLE two%d (id int PRIMARY KEY)".formatted(i),
                  "CREATE TABLE root%d (id int, k int) PARTITION BY LIST (k)".formatted(i),
                  "CREATE TABLE part%d (id int PRIMARY KEY, k int)".formatted(i));
        }
        pair.source()
            .execute(
                world.name(),
                "ALTER PUBLICATION %2$s ADD TABLE pair%1$d, one%1$d, two%1$d, part%1$d"
                    .formatted(i, names.forwardPublication()),
                "INSERT INTO one%d VALUES (1)".formatted(i));
      }
      pair.target()
          .execute(
              world.name(),
              "ALTER SUBSCRIPTION %s REFRESH PUBLICATION".formatted(names.forwardSubscription()));
      awaitSynchronised(world, Side.TARGET);
      world.prepared().switchover().handOver(world.to(Side.TARGET));
      assertThat(obstacle(world)).isNull();

      for (int i = 0; i < CHANGES.size(); i++) {
        Change change = CHANGES.get(i);
        pair.target().execute(world.name(), of(change.there(), i, names));
        pair.source().execute(world.name(), SAME, of(change.here(), i, names));
      }

      List<String> found;
      try (Connection target = world.connect(Side.TARGET);
          Connection source = world.connect(Side.SOURCE)) {
        found =
            Structure.changedSinceRehearsal(
                target, source, names.reversePublication(), names.reverseSubscription());
      }
      SoftAssertions soft = new SoftAssertions();
      for (int i = 0; i < CHANGES.size(); i++) {
        String wanted = of(CHANGES.get(i).found(), i, names);
        soft.assertThat(found).as(wanted).anyMatch(line -> line.startsWith(wanted));
      }
      soft.assertAll();
      assertThatThrownBy(() -> world.switchover().settle(world.to(Side.SOURCE)))
          .hasMessageContaining("public.");
      pair.target().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
    }
  }

  private static String of(String sql, int number, Names names) {
    return sql.replace("#", Integer.toString(number)).replace("{}", names.reversePublication());
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
    awaitSynchronised(world, Side.SOURCE);
  }

  private static void awaitSynchronised(World world, Side side) {
    Wait.until(
        "all tables are synchronised",
        Duration.ofSeconds(30),
        () ->
            value(
                    world.server(side),
                    world,
                    "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
                .equals("0"));
  }

  private static String value(PostgresServer server, World world, String sql) throws Exception {
    return Pairs.value(server, world.name(), sql);
  }
}
