package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the gaining side's sequences give out next, against what the losing side's gave out. */
class SequencesTest {
  private static Pairs pair;

  @BeforeAll
  static void start() throws Exception {
    pair = Pairs.of(15, 16);
    pair.source().createDatabase("counted");
    pair.target().createDatabase("counted");
  }

  @AfterAll
  static void stop() {
    pair.close();
  }

  @ParameterizedTest(name = "{0} at {1}, {2} there")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          MAXVALUE 1000000                                      | 500       | 1       | 1501
          MAXVALUE 1000000                                      | 500       | 9000    | 9001
          MAXVALUE 1000000                                      | 999900    | 1       | 999951
          MAXVALUE 1000000                                      | 999999    | 1       | 1000000
          MAXVALUE 1000000                                      | 1000000   | 1       | exhausted
          INCREMENT 10 MAXVALUE 100000                          | 99000     | 1       | 99510
          INCREMENT -1 MINVALUE -1000000                        | -500      | -1      | -1501
          INCREMENT -1 MINVALUE -1000000                        | -999900   | -1      | -999951
          INCREMENT -2 MINVALUE -1000000 MAXVALUE 10            | -999990   | -2      | -999996
          MINVALUE 10 MAXVALUE 1000000 CYCLE                    | 20        | 999999  | 1021
          MINVALUE 10 MAXVALUE 1000000 CYCLE                    | 999950    | 999940  | 960
          MINVALUE 1 MAXVALUE 10 CYCLE                          | 8         | 10      | 4
          INCREMENT -1 MINVALUE -1000000 MAXVALUE -1 CYCLE      | -20       | -999999 | -1021
          INCREMENT -1 MINVALUE -1000000 MAXVALUE -1 CYCLE      | -999950   | -999940 | -951
          """)
  void areCarried(String how, long here, long there, String next) throws Exception {
    pair.source()
        .execute(
            "counted",
            "DROP SEQUENCE IF EXISTS s",
            "CREATE SEQUENCE s " + how,
            "SELECT setval('s', " + here + ")");
    pair.target()
        .execute(
            "counted",
            "DROP SEQUENCE IF EXISTS s",
            "CREATE SEQUENCE s " + how,
            "SELECT setval('s', " + there + ")");

    try (Connection source = pair.source().connect("counted");
        Connection target = pair.target().connect("counted")) {
      SequencePass.carry(source, target, Selection.EVERYTHING);
      SequencePass.carry(source, target, Selection.EVERYTHING);
    }

    if (next.equals("exhausted")) {
      assertThatThrownBy(() -> Pairs.value(pair.target(), "counted", "SELECT nextval('s')"))
          .hasMessageContaining("reached maximum value");
    } else {
      assertThat(Pairs.value(pair.target(), "counted", "SELECT nextval('s')")).isEqualTo(next);
    }
  }

  /** What the runbook leaves out is not there; SQL that stopped at it would stop half way. */
  @Test
  void areCarriedByHandPastOneThatTheOtherSideHasNotGot() throws Exception {
    pair.source()
        .execute(
            "counted",
            "CREATE SEQUENCE a_left_out",
            "SELECT nextval('a_left_out')",
            "CREATE SEQUENCE z_there",
            "SELECT setval('z_there', 500)");
    pair.target().execute("counted", "CREATE SEQUENCE z_there");

    try (Connection source = pair.source().connect("counted")) {
      for (String line : PublishedTables.names(source, ByHandSql.SEQUENCES)) {
        pair.target().execute("counted", line);
      }
    }

    assertThat(Pairs.value(pair.target(), "counted", "SELECT nextval('z_there')"))
        .isEqualTo("1501");
    pair.source().execute("counted", "DROP SEQUENCE a_left_out, z_there");
    pair.target().execute("counted", "DROP SEQUENCE z_there");
  }

  @Test
  void thatTheGainingSideLacksStopTheSwitchoverBeforeThePause() throws Exception {
    try (World world = new World(pair).prepared()) {
      pair.target().execute(world.name(), "DROP SEQUENCE down");

      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining(
              "Sequence public.down is missing on the target: its values would be given out again");
      pair.target().execute(world.name(), "CREATE SEQUENCE down INCREMENT -2 MINVALUE -100");
      assertThatThrownBy(() -> world.switchover().handOver(world.to(Side.TARGET)))
          .hasMessageContaining(
              "Sequence public.down is not the same on both sides: INCREMENT -2 MINVALUE -1000000"
                  + " MAXVALUE 1000000 on the source, INCREMENT -2 MINVALUE -100 MAXVALUE -1 on the"
                  + " target");
      pair.source().execute(world.name(), "INSERT INTO entry (writer, n) VALUES (1, 1)");
      pair.target()
          .execute(world.name(), "ALTER SEQUENCE down MINVALUE -1000000 MAXVALUE 1000000 START 10");
      world.prepared();

      assertThat(world.switchover().handOver(world.to(Side.TARGET)).writesGoTo())
          .isEqualTo(Side.TARGET);
    }
  }

  @Test
  void thatCountDownGoPastWhatHasArrivedWhenALossIsAccepted() throws Exception {
    try (Pairs own = Pairs.of(15, 16);
        World world = new World(own)) {
      for (Side side : Side.values()) {
        world
            .server(side)
            .execute(
                world.name(),
                "CREATE SEQUENCE falls INCREMENT -1 MINVALUE -5000 MAXVALUE 5000 START 500 OWNED BY counter.total");
      }
      world.prepared();
      own.source().execute(world.name(), "INSERT INTO counter VALUES (1, 300), (2, 400)");
      world.awaitArrival(Side.SOURCE);
      own.source().stopImmediate();

      world
          .switchover()
          .handOver(world.request(Side.TARGET, "ana@example.com", Duration.ofMillis(200)));

      assertThat(Pairs.value(own.target(), world.name(), "SELECT nextval('falls')"))
          .isEqualTo("-701");
      own.source().start();
    }
  }
}
