package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.VerificationReport;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.RegressionDatabase;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("campaign")
@Needs({Program.REGRESSION, Program.PG_DUMP})
class RegressionDatabaseTest {

  @Test
  void arrivesAsItIs() throws Exception {
    try (Pairs pair =
        new Pairs(RegressionDatabase.server().start(), RegressionDatabase.server().start())) {
      System.out.println(RegressionDatabase.create(pair.source()));
      pair.target().createDatabase(RegressionDatabase.NAME);
      Move move = pair.move(RegressionDatabase.NAME);
      Carriage carriage = new Carriage(pair, move);

      carriage.followTheAdvice();
      VerificationReport report = carriage.carry();

      assertThat(report.findings()).isEmpty();
      assertThat(report.tables()).isGreaterThan(500);
      assertThat(report.rows()).isGreaterThan(400_000);
      carriage.assertArrivedWhole();
      carriage.end();
    }
  }
}
