package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.activity.VerifyRequest;
import dev.whimbrel.secrets.Secrets;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows that a comparison could not judge are looked at where they stand still. */
@Isolated("the pause is held to a limit")
class LastLookTest {
  private static final String SAME_CHANGE = "SET whimbrel.same_change = on";

  private static final String TRIGGER =
      """
      CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.total := NEW.total + 1000000; RETURN NEW; END $$;
      CREATE TRIGGER spoil BEFORE UPDATE ON counter FOR EACH ROW WHEN (NEW.writer = 4711) EXECUTE FUNCTION spoil();
      ALTER TABLE counter ENABLE ALWAYS TRIGGER spoil;
      """;

  private static final String ODD =
      "CREATE TABLE \"o?dd\" (\"k?\" text, n int, v text, PRIMARY KEY (\"k?\", n))";

  private static Pairs pair;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  /** Every update of it is spoilt on its way, and it is never seen standing still. */
  @Test
  void refusesToHandOverWhereARowThatNeverStoodStillDiffers() throws Exception {
    try (World world = new World(pair)) {
      pair.target().execute(world.name(), SAME_CHANGE, TRIGGER);
      world.prepared();
      pair.source().execute(world.name(), "INSERT INTO counter VALUES (4711, 0)");
      AtomicBoolean stop = new AtomicBoolean();
      Thread busy = new Thread(() -> updateUntil(world, stop));
      busy.start();
      try {
        VerificationReport report = untilSomethingIsInFlux(world);
        assertThat(report.findings()).as("the trigger alone").hasSize(1);

        assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
            .hasMessageContaining("Nothing was handed over: rows that were changing")
            .hasMessageContaining("public.counter (writer)=(4711)");
      } finally {
        stop.set(true);
        busy.join();
      }
      assertThat(value(world, Side.SOURCE, "SELECT writable FROM whimbrel.authority"))
          .isEqualTo("source");
      pair.source().execute(world.name(), "UPDATE counter SET total = 7 WHERE writer = 4711");

      pair.target().execute(world.name(), SAME_CHANGE, "ALTER TABLE counter DISABLE TRIGGER spoil");
      pair.source().execute(world.name(), "UPDATE counter SET total = 8 WHERE writer = 4711");
      HandOver end = world.switchover().handOver(world.to(Side.TARGET));

      assertThat(end.line()).contains("rows in flux: 1 looked at again and equal)");
      assertThat(value(world, Side.TARGET, "SELECT total FROM counter WHERE writer = 4711"))
          .isEqualTo("8");
    }
  }

  @Test
  void costsOneTripAndNothingWhereNoRowWasInFlux() throws Exception {
    try (World world = new World(pair)) {
      for (Side side : Side.values()) {
        world.server(side).execute(world.name(), SAME_CHANGE, ODD);
      }
      pair.source()
          .execute(
              world.name(),
              "ALTER PUBLICATION %s ADD TABLE \"o?dd\""
                  .formatted(new Names(world.name()).forwardPublication()));
      pair.target()
          .execute(
              world.name(),
              "ALTER SUBSCRIPTION %s REFRESH PUBLICATION"
                  .formatted(new Names(world.name()).forwardSubscription()));
      pair.source()
          .execute(
              world.name(),
              "INSERT INTO \"o?dd\" VALUES ('it''s {\"a\",\\b}', 1, 'x'), ('', 2, NULL)",
              "INSERT INTO event (day, writer, n) VALUES (7, 1, 1)");
      world.awaitArrival(Side.SOURCE);
      world.prepared();
      note(
          world,
          Side.TARGET,
          Map.of(
              table("event_0", List.of("id", "day")), List.of(List.of("1", "7")),
              table("o?dd", List.of("k?", "n")),
                  List.of(List.of("it's {\"a\",\\b}", "1"), List.of("", "2"), List.of("gone", "3")),
              table("no_more", List.of("id")), List.of(List.of("1"))));

      HandOver there = world.switchover().handOver(world.to(Side.TARGET));
      HandOver back = world.switchover().settle(world.to(Side.SOURCE));

      assertThat(there.line())
          .contains("rows in flux: 4 looked at again and equal, 1 not looked at again");
      assertThat(there.roundTrips()).isEqualTo(back.roundTrips() + 1);
      assertThat(back.line()).doesNotContain("in flux");
    }
  }

  /** What a runbook says of its comparisons is true of the last one too. */
  @ParameterizedTest
  @CsvSource({"fast, hashtextextended(", "sha256, sha256("})
  void hashesAsTheRunbookSays(String hash, String by) throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source().execute(world.name(), "INSERT INTO entry (id, writer, n) VALUES (1, 1, 1)");
      world.awaitArrival(Side.SOURCE);
      note(world, Side.TARGET, Map.of(table("entry", List.of("id")), List.of(List.of("1"))));
      for (Side side : Side.values()) {
        world
            .server(side)
            .execute(
                world.name(),
                "ALTER DATABASE %s SET log_statement = 'all'".formatted(world.name()));
      }

      HandOver end = world.switchover().handOver(world.to(Side.TARGET).hashedBy(hash));

      assertThat(end.line()).contains("rows in flux: 1 looked at again and equal)");
      for (Side side : Side.values()) {
        assertThat(hashes(world, side)).as(side.word()).containsOnly(by);
      }
    }
  }

  /** By what the hand-over's own statements have hashed rows, as a server has logged them. */
  private static Set<String> hashes(World world, Side side) throws Exception {
    Set<String> found = new TreeSet<>();
    for (String line : Files.readAllLines(world.server(side).logFile())) {
      if (line.contains("public\".\"entry\"") && line.contains("@" + world.name() + " ")) {
        Matcher matcher = Pattern.compile("(hashtextextended|sha256)\\(").matcher(line);
        while (matcher.find()) {
          found.add(matcher.group());
        }
      }
    }
    return found;
  }

  @Test
  void namesEachRowThatIsMissingOrOther() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source()
          .execute(
              world.name(),
              "INSERT INTO entry (id, writer, n) VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3)");
      world.awaitArrival(Side.SOURCE);
      spoil(
          world,
          Side.TARGET,
          "DELETE FROM entry WHERE id = 1",
          "UPDATE entry SET payload = 'x' WHERE id = 2");
      note(
          world,
          Side.TARGET,
          Map.of(table("entry", List.of("id")), List.of(List.of("1"), List.of("2"), List.of("3"))));

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining("public.entry (id)=(1); public.entry (id)=(2)");

      spoil(
          world,
          Side.TARGET,
          "UPDATE whimbrel.row_in_flux SET accepted = true WHERE table_name = 'entry'");
      note(
          world,
          Side.TARGET,
          Map.of(table("entry", List.of("id")), List.of(List.of("1"), List.of("4"))));
      assertThat(world.switchover().handOver(world.to(Side.TARGET)).line())
          .contains("rows in flux: 1 looked at again and equal)");
    }
  }

  /** Its G is gone, and so nothing may be handed over to it. */
  @Test
  void handsNothingOverToATargetThatDoesNotAnswer() throws Exception {
    try (World world = new World(pair).prepared()) {
      note(world, Side.TARGET, Map.of(table("entry", List.of("id")), List.of(List.of("1"))));
      Checkpoints ending =
          point -> {
            if (point == Checkpoints.Point.READY) {
              pair.target()
                  .execute(
                      world.name(),
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'whimbrel %' AND datname = current_database()");
            }
          };

      assertThatThrownBy(
              () -> new PostgresSwitchover(new Secrets(), ending).handOver(world.to(Side.TARGET)))
          .hasMessageContaining("57P01");

      assertThat(value(world, Side.SOURCE, "SELECT epoch FROM whimbrel.authority")).isEqualTo("1");
      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      assertThat(world.switchover().handOver(world.to(Side.TARGET)).handedOver()).isTrue();
    }
  }

  /** As behind a change of a key's type, with no comparison since. */
  @Test
  void handsOverWhereAServerCannotBeAsked() throws Exception {
    try (World world = new World(pair).prepared()) {
      note(
          world,
          Side.TARGET,
          Map.of(
              table("entry", List.of("id")), List.of(List.of("abc")),
              table("counter", List.of("writer")), List.of(List.of("1"))));

      assertThat(world.switchover().handOver(world.to(Side.TARGET)).line())
          .contains(
              "rows in flux: 1 looked at again and equal, 1 not looked at again (public.entry 22P02)");
    }
  }

  @Test
  void notesKeysWhateverIsPublishedThere() throws Exception {
    try (World world = new World(pair)) {
      pair.target().execute(world.name(), "CREATE PUBLICATION cdc FOR ALL TABLES");
      Map<ComparedTable, List<List<String>>> rows =
          Map.of(table("entry", List.of("id")), List.of(List.of("1")));
      note(world, Side.TARGET, rows);
      note(world, Side.TARGET, rows);

      assertThat(value(world, Side.TARGET, "SELECT count(*) FROM whimbrel.row_in_flux"))
          .isEqualTo("1");
    }
  }

  /** Promise 5: a rollback does not wait for rows. */
  @Test
  void goesBackWhateverDiffers() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.source().execute(world.name(), "INSERT INTO entry (id, writer, n) VALUES (1, 1, 1)");
      world.switchover().handOver(world.to(Side.TARGET));
      for (Side side : Side.values()) {
        note(world, side, Map.of(table("entry", List.of("id")), List.of(List.of("1"))));
      }
      spoil(world, Side.SOURCE, "DELETE FROM entry");

      assertThat(world.switchover().settle(world.to(Side.SOURCE)).writesGoTo())
          .isEqualTo(Side.SOURCE);
    }
  }

  /** No server stops in the middle of making a value's text. */
  @Test
  void doesNotLookAtARowOfMegabytes() throws Exception {
    try (World world = new World(pair).prepared()) {
      HandOver end = handOverWithEntries(world, 3, "CASE i WHEN 2 THEN 6000000 ELSE 1 END");

      assertThat(end.line()).contains("rows in flux: 2 looked at again and equal, 1 not");
    }
  }

  @Test
  void looksAtAsManyAsFitIntoAPartOfTheBudget() throws Exception {
    try (World world = new World(pair).prepared()) {
      HandOver end = handOverWithEntries(world, 200, "50000");

      Matcher figures =
          Pattern.compile("rows in flux: (\\d+) looked at again and equal(?:, (\\d+) not)?")
              .matcher(end.line());
      assertThat(figures.find()).as(end.line()).isTrue();
      int looked = Integer.parseInt(figures.group(1));
      int left = figures.group(2) == null ? 0 : Integer.parseInt(figures.group(2));
      assertThat(looked).isPositive();
      assertThat(looked + left).isEqualTo(200);
      assertThat(end.writePauseMillis()).isLessThan(2_000);
    }
  }

  /** With so many rows in flux, each with a text of ten times so many characters. */
  private static HandOver handOverWithEntries(World world, int rows, String length)
      throws Exception {
    pair.source()
        .execute(
            world.name(),
            "INSERT INTO entry (id, writer, n, payload) SELECT i, 1, i, repeat('abcdefghij', %s) FROM generate_series(1, %d) i"
                .formatted(length, rows));
    world.awaitArrival(Side.SOURCE);
    List<List<String>> keys =
        IntStream.rangeClosed(1, rows).mapToObj(id -> List.of(Integer.toString(id))).toList();
    note(world, Side.TARGET, Map.of(table("entry", List.of("id")), keys));
    HandOver end =
        world
            .switchover()
            .handOver(
                new SwitchoverRequest(
                    world.move(),
                    Side.TARGET,
                    Duration.ofSeconds(2),
                    Duration.ofSeconds(30),
                    null,
                    "a test asked for it"));
    assertThat(end.handedOver()).isTrue();
    return end;
  }

  @Test
  void notesNothingOfATableThatIsKnownToDiffer() {
    Tally tally = new Tally(Side.SOURCE);
    ComparedTable damaged = table("damaged", List.of("id"));
    ComparedTable busy = table("busy", List.of("id"));
    tally.inFlux(damaged, List.of(List.of("1")));
    tally.inFlux(busy, List.of(List.of("2")));
    tally.finding(
        "it differs",
        new dev.whimbrel.activity.DifferingRow(
            damaged.label(), Map.of("id", "3"), "differs", null));

    assertThat(tally.unjudged()).isEqualTo(Map.of(busy, List.of(List.of("2"))));
    assertThat(tally.report(java.time.Instant.EPOCH, RowHash.FAST).inFlux()).isEqualTo(2);
  }

  /** What a superuser can do who wants to. */
  private static void spoil(World world, Side closed, String... statements) throws Exception {
    try (Connection target = world.connect(closed);
        Statement statement = target.createStatement()) {
      statement.execute("ALTER EVENT TRIGGER whimbrel_ddl DISABLE");
      statement.execute("ALTER TABLE entry DISABLE TRIGGER whimbrel_fence");
      for (String sql : statements) {
        statement.execute(sql);
      }
      statement.execute("ALTER TABLE entry ENABLE ALWAYS TRIGGER whimbrel_fence");
      statement.execute("ALTER EVENT TRIGGER whimbrel_ddl ENABLE ALWAYS");
    }
  }

  private static void updateUntil(World world, AtomicBoolean stop) {
    try (Connection source = world.connect(Side.SOURCE);
        Statement statement = source.createStatement()) {
      while (!stop.get()) {
        statement.execute("UPDATE counter SET total = total + 1 WHERE writer = 4711");
      }
    } catch (java.sql.SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  private static VerificationReport untilSomethingIsInFlux(World world) throws Exception {
    PostgresVerification verification = new PostgresVerification(new Secrets(Map.of()), line -> {});
    VerificationReport[] last = new VerificationReport[1];
    Wait.until(
        "a row is in flux",
        Duration.ofSeconds(60),
        () -> {
          last[0] = verification.verify(new VerifyRequest(world.move(), Side.SOURCE));
          return last[0].inFlux() > 0;
        });
    return last[0];
  }

  static void note(World world, Side side, Map<ComparedTable, List<List<String>>> rows)
      throws Exception {
    try (Connection target = world.connect(side)) {
      RowsInFlux.replace(target, rows);
    }
  }

  static ComparedTable table(String name, List<String> key) {
    return new ComparedTable(
        "public", name, List.of(), List.of(), List.of(), key, List.of(), true, 0, false);
  }

  private static String value(World world, Side side, String sql) throws Exception {
    return Pairs.value(world.server(side), world.name(), sql);
  }
}
