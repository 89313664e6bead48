package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TablePairingTest {

  /** It is where rows are missing that only one catalog knows of. */
  @Test
  void callsItADifferenceWhereOneSideAloneLeavesRowsOut() {
    assertThat(pair("", TableShape.ROWS_LEFT_OUT).findings())
        .containsExactly(
            "public.stage: the runbook leaves its rows out on the target alone: renamed, or attached to another table, since the copy?");
    assertThat(pair(TableShape.ROWS_LEFT_OUT, "").findings()).hasSize(1);
    VerificationReport both = pair(TableShape.ROWS_LEFT_OUT, TableShape.ROWS_LEFT_OUT);
    assertThat(both.findings()).isEmpty();
    assertThat(both.notCompared()).containsExactly("public.stage: the runbook leaves its rows out");
  }

  private static VerificationReport pair(String truth, String follower) {
    Tally tally = new Tally(Side.SOURCE);
    new TablePairing(tally, false)
        .pair(Map.of("public.stage", stage(truth)), Map.of("public.stage", stage(follower)));
    return tally.report(Instant.EPOCH, RowHash.SHA256);
  }

  private static TableShape stage(String reason) {
    return new TableShape("public", "stage", Map.of(), List.of(), 0, reason);
  }
}
