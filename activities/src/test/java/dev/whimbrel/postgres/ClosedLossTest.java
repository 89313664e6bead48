package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.HandOver;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SwitchoverRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is said and left where a side is lost while the source is closed. */
@Needs({Program.PG_DUMP, Program.PSQL})
class ClosedLossTest {
  private static final String WRITE = "INSERT INTO entry (writer, n) VALUES (9, 9)";
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static Pairs pair;
  private static int number;

  @BeforeAll
  static void start() {
    pair = Pairs.of(15, 16);
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @Test
  void leavesNothingOfItsClosingOnASourceThatWasGivenUpAndComesBack() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy();
      shop.readied();
      pair.source().stopImmediate();
      try {
        assertThatThrownBy(() -> shop.switchover.settle(alone(shop, Side.TARGET, null)))
            .hasMessageContaining(
                "The target holds everything that the source held when it was closed (closing 1)")
            .hasMessageNotContaining("unknown");
        assertThat(shop.switchover.settle(alone(shop, Side.TARGET, "ana@example.com")).writesGoTo())
            .isEqualTo(Side.TARGET);
      } finally {
        pair.source().start();
      }

      shop.switchover.stopReverse(shop.move);

      assertThat(on(shop, "whimbrel\\_closing")).isEqualTo("0");
      assertThat(shop.state().ended()).isEqualTo("given up");
      assertThatThrownBy(() -> shop.asApp(WRITE))
          .hasMessageContaining("writes go to the other side");
      shop.switchover.cleanUp(shop.move);
      assertThat(shop.onSource("SELECT to_regclass('whimbrel.closing') IS NULL")).isEqualTo("t");
      assertThat(
              shop.onSource(
                  "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'whimbrel\\_closing%'"))
          .isEqualTo("0");
      assertThatThrownBy(() -> shop.onSource(WRITE + " RETURNING 1"))
          .hasMessageContaining("writes go to the other side");
    }
  }

  /** Its triggers may be on in earlier hand-overs' remains; DDL's guard must not refuse. */
  @Test
  void takesTheTriggersOfAClosingAwayBehindAFence() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared();
        var source = pair.source().connect(shop.name)) {
      shop.close(1);
      shop.ends(1);
      Fence.close(source);

      Closing.uninstall(source);

      assertThat(on(shop, "whimbrel\\_closing")).isEqualTo("0");
      assertThat(Fence.isClosed(source)).isTrue();
    }
  }

  @Test
  void doesNotOfferATargetThatHoldsAPartOfTheCopy() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy.prepareCopy(shop.move);
      try (Holder holder = new Holder(shop.copy, new CopyRequest(shop.move, 1))) {
        shop.copy.openGeneration(holder.request);
      }
      SideState target = look(shop, Side.TARGET);
      assertThat(InspectedFacts.of(target))
          .anyMatch(fact -> fact.contains("PART OF THE TABLES: of the copy, what is left of it"));
      pair.source().stopImmediate();
      try {
        assertThatThrownBy(() -> shop.switchover.settle(alone(shop, Side.TARGET, null)))
            .hasMessageContaining("THE TARGET HOLDS A PART OF IT ONLY");
      } finally {
        pair.source().start();
      }
    }
  }

  @Test
  void saysThatTheTargetHasLostTheHandOverWhereNoStreamCouldBringIt() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy();
      shop.readied();
      try (SwitchoverProcess child =
          SwitchoverProcess.start(shop.move, Side.TARGET, Checkpoints.Point.HANDED_OVER.name(), 1)
              .awaitAt(Checkpoints.Point.HANDED_OVER)) {
        child.kill();
      }
      pair.target().execute(shop.name, "DELETE FROM " + Markers.table(Side.SOURCE));

      assertThatThrownBy(() -> shop.switchover.settle(alone(shop, Side.TARGET, null)))
          .hasMessageContaining("the target has lost what it had confirmed")
          .hasMessageNotContaining("stands still");
      HandOver back = shop.switchover.settle(shop.back());

      assertThat(back.writesGoTo()).isEqualTo(Side.SOURCE);
      shop.asApp(WRITE);
    }
  }

  /** Its COMMIT would keep every table's lock, and no time-out of the server's reaches it. */
  @Test
  void closesNothingWhereNoSynchronousStandbyAnswers() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      pair.source()
          .execute(
              "postgres",
              "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
              "SELECT pg_reload_conf()");
      try {
        Wait.until(
            "the setting is in force",
            Duration.ofSeconds(10),
            () -> shop.onSource("SHOW synchronous_standby_names").equals("nobody"));
        assertThatThrownBy(() -> shop.close(1))
            .hasMessageContaining("waits for a synchronous standby that does not answer");
      } finally {
        pair.source()
            .execute(
                "postgres",
                "ALTER SYSTEM RESET synchronous_standby_names",
                "SELECT pg_reload_conf()");
      }
      shop.asApp(WRITE);
    }
  }

  /** A list that was left of another migration of the same name. */
  @Test
  void doesNotTakeTheCopyOfAnotherClosingOfTheSameNumberForItsOwn() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      shop.copy();
      shop.readied();
      pair.source()
          .execute(
              shop.name, "UPDATE whimbrel.closing SET closed_at = closed_at + interval '1 second'");

      assertThatThrownBy(() -> shop.switchover.handOver(shop.handOver(1)))
          .hasMessageContaining("closing 1 stands")
          .hasMessageContaining("what the target holds was copied behind closing:1/");
      assertThat(shop.state().refuses()).isTrue();
    }
  }

  /** What is printed goes through a shell. */
  @Test
  void saysWhichTriggersAreOnForNothingAndHowTheyAreTakenAway() throws Exception {
    try (ClosedShop shop = new ClosedShop(pair, database()).prepared()) {
      shop.close(1);
      assertThat(look(shop, Side.SOURCE).seen()).isNotNull();
      assertThat(triggersLeft(shop)).isEmpty();
      shop.ends(1);

      String said = triggersLeft(shop);
      assertThat(said).contains("are still on on 8 tables of the source");
      Process shell =
          new ProcessBuilder("sh", "-c", said.substring(said.indexOf("psql '")))
              .redirectErrorStream(true)
              .start();
      String output = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

      assertThat(shell.waitFor()).as(output).isZero();
      assertThat(on(shop, "whimbrel\\_closing")).isEqualTo("0");
      assertThat(triggersLeft(shop)).isEmpty();
    }
  }

  private static String triggersLeft(ClosedShop shop) {
    List<String> facts = InspectedFacts.of(look(shop, Side.SOURCE));
    return facts.stream()
        .filter(fact -> fact.startsWith("Triggers of a closing"))
        .findFirst()
        .orElse("");
  }

  private static SideState look(ClosedShop shop, Side side) {
    Secrets secrets = new Secrets();
    return new SideLook(new Databases(secrets), secrets, shop.move.migration())
        .at(side, shop.move.on(side), null);
  }

  private static String on(ClosedShop shop, String triggers) throws Exception {
    return shop.onSource(
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%s%%' AND tgenabled <> 'D'"
            .formatted(triggers));
  }

  private static SwitchoverRequest alone(ClosedShop shop, Side to, @Nullable String by) {
    return new SwitchoverRequest(
            shop.move, to, Duration.ofSeconds(5), PATIENCE, by, by == null ? null : "a test")
        .behind(1);
  }

  private static String database() {
    return "loss" + ++number;
  }
}
