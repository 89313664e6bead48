package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Everything that copies have been seen to lose, by the bulk copy and the stream behind it. */
@Needs(Program.PG_DUMP_18)
class NastyCopyTest {

  @ParameterizedTest(name = "{0} to {1}")
  @CsvSource({"15, 16", "13, 18"})
  void arrivesWhole(int from, int to) throws Exception {
    try (Pairs pair = Pairs.of(from, to)) {
      Move move = pair.move("nasty");
      pair.source().createDatabase("nasty");
      pair.target().createDatabase("nasty");
      NastySchema.create(pair.source(), "nasty");
      pair.source()
          .execute(
              "nasty",
              "INSERT INTO parts SELECT i, '2021-06-01', repeat('t', 100) || i FROM generate_series(1000, 15000) i");
      Carriage carriage = new Carriage(pair, move);

      VerificationReport report = carriage.carry();

      assertThat(report.findings()).isEmpty();
      carriage.assertArrivedWhole();
      String pieces =
          "SELECT count(*) FROM whimbrel.copy_piece WHERE kind = 'rows' AND first_page IS NOT NULL";
      long ranges = Long.parseLong(Pairs.value(pair.target(), "nasty", pieces));
      assertThat(ranges > 1).as(ranges + " ranges").isEqualTo(from >= 14);
      pair.source().execute("nasty", "UPDATE base SET name = 'later' WHERE id = 1");
      new PostgresReplication(new Secrets()).awaitCaughtUp(move);
      assertThat(Pairs.value(pair.target(), "nasty", "SELECT name FROM base WHERE id = 1"))
          .isEqualTo("later");
      carriage.end();
    }
  }
}
