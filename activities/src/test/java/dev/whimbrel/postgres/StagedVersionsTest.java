package dev.whimbrel.postgres;

import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Two streams become one on the oldest and on the newest servers too. */
@Needs(Program.PG_DUMP_18)
class StagedVersionsTest {

  @ParameterizedTest
  @CsvSource({"13, 18", "18, 18"})
  void joinsStagesBetweenVersions(int from, int to) throws Exception {
    try (Pairs pair = Pairs.of(from, to);
        StagedShop shop = new StagedShop(pair, "versions")) {
      shop.carryStage(1);
      shop.assertFirstStageIsLive("alone");
      shop.carryStage(2);
      shop.finish();
      shop.assertOneStream();
    }
  }
}
