package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Attempts to join two streams freeze at every point of it, one after the other, and wake up when
 * the next stage is about to join: none of them changes anything any more.
 */
@Needs(Program.PG_DUMP)
class StagedFreezeTest {
  private static final String JOINING = "application_name = 'whimbrel frozen join-stage'";

  /** So that an attempt is somewhere for long enough to be seen there. */
  private static final Duration ONE_WAY = Duration.ofMillis(25);

  private static final List<StageSpec> THREE =
      List.of(
          StagedShop.CRITICAL_FIRST.get(0), new StageSpec(List.of("public.event", "public.log")));

  @Test
  void joinsThoughAttemptsFreezeEverywhereAndWakeUpLate() throws Exception {
    List<JoiningProcess> frozen = new ArrayList<>();
    try (Pairs pair = Pairs.of(15, 16);
        StagedShop shop = new StagedShop(pair, "frozen", THREE);
        Relay toSource = Relay.to(pair.source().port(), ONE_WAY);
        Relay toTarget = Relay.to(pair.target().port(), ONE_WAY);
        Connection source = pair.source().connect("frozen");
        Connection target = pair.target().connect("frozen")) {
      try {
        shop.carryStage(1);
        upToTheMeeting(shop, 2);
        for (Map.Entry<String, Wait.Condition> point : points(source, target).entrySet()) {
          frozen.add(
              JoiningProcess.start(shop.move, toSource, toTarget)
                  .freezeWhen(point.getKey(), point.getValue()));
        }
        assertThat(shop.copy.joinStage(shop.move).line()).startsWith("stage 2 of 3 is live");
        shop.assertFirstStageIsLive("behind the frozen ones");
        upToTheMeeting(shop, 4);

        for (JoiningProcess attempt : frozen) {
          assertThat(attempt.wakeUp()).startsWith("FAILED ");
        }
        assertThat(Answers.text(source, slots("meeting|met"))).isEqualTo("0");
        shop.assertFirstStageIsLive("behind those that woke up");
        shop.copy.followStage(shop.move);
        shop.copy.joinStage(shop.move);
        shop.finish();
        shop.assertOneStream();
      } finally {
        frozen.forEach(JoiningProcess::close);
      }
    }
  }

  /** What can be seen of an attempt, in the order in which it comes. */
  private static Map<String, Wait.Condition> points(Connection source, Connection target) {
    Map<String, Wait.Condition> points = new LinkedHashMap<>();
    points.put(
        "it is about to make the slot",
        () ->
            holds(
                source,
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND "
                    + JOINING
                    + ")"));
    points.put("its slot is made", () -> holds(source, "SELECT 1 = (" + slots("meeting") + ")"));
    points.put(
        "it holds both streams",
        () ->
            holds(
                target,
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND "
                    + JOINING
                    + ")"));
    points.put(
        "the meeting is noted",
        () -> holds(target, "SELECT EXISTS (SELECT FROM whimbrel.copy_meeting)"));
    points.put(
        "its end is known",
        () -> holds(target, "SELECT lsn IS NOT NULL FROM whimbrel.copy_meeting"));
    points.put("its slot is kept", () -> holds(source, "SELECT 1 = (" + slots("met") + ")"));
    points.put(
        "the stage's stream is dropped",
        () -> holds(target, "SELECT 0 = (" + streams("stage") + ")"));
    points.put(
        "both are dropped", () -> holds(target, "SELECT 0 = (" + streams("stage|forward") + ")"));
    points.put(
        "they are joined",
        () ->
            holds(
                target, "SELECT joined_at IS NOT NULL FROM whimbrel.copy_stage WHERE number = 2"));
    points.put("one stream begins", () -> holds(target, "SELECT 1 = (" + streams("forward") + ")"));
    return points;
  }

  private static String slots(String kind) {
    return "SELECT count(*) FROM pg_replication_slots WHERE slot_name ~ '^whimbrel_frozen_("
        + kind
        + ")$'";
  }

  private static String streams(String kind) {
    return "SELECT count(*) FROM pg_subscription WHERE subname ~ '^whimbrel_frozen_("
        + kind
        + ")$'";
  }

  private static boolean holds(Connection database, String condition) throws Exception {
    return Answers.text(database, condition).equals("t");
  }

  private static void upToTheMeeting(StagedShop shop, int generation) {
    shop.copy.prepareCopy(shop.move);
    shop.copyFrom(generation);
    shop.copy.startStage(shop.move);
    shop.copy.followStage(shop.move);
  }
}
