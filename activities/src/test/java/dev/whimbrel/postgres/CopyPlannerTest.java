package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class CopyPlannerTest {
  private static final long MB = 1L << 20;
  private static final long TB = MB << 20;
  private static final long PAGE = 8192;

  @Test
  void cutsATableOfAQuarterOfAGigabyteInRangesOfAnEighthOfThat() {
    assertThat(ranges(0, 16)).isEqualTo(1);
    assertThat(ranges(256 * MB - PAGE, 16)).as("whole, so that it is frozen").isEqualTo(1);
    assertThat(ranges(256 * MB, 16)).isEqualTo(8);
    assertThat(ranges(1024 * MB, 16)).isEqualTo(32);
  }

  @Test
  void cutsATableOfAnySizeInAThousandRangesAtMost() {
    assertThat(ranges(32_000 * MB, 16)).isEqualTo(1000);
    assertThat(ranges(10 * TB, 16)).isEqualTo(1000);
    assertThat(ranges(10 * TB + 999 * PAGE, 18)).isEqualTo(1000);
  }

  @Test
  void cutsNothingWhereARangeIsFoundByReadingTheWholeTable() {
    assertThat(ranges(10 * TB, 13)).isEqualTo(1);
    assertThat(ranges(10 * TB, 14)).isEqualTo(1000);
  }

  @Test
  void saysSoInTheManual() throws Exception {
    assertThat(Files.readString(Path.of("../docs/operations.md")))
        .contains(
            "tables of %d MB and more in ranges of pages (never from PostgreSQL 13)"
                .formatted(CopyPlanner.FEWEST_RANGES * CopyPlanner.SMALLEST_RANGE / MB));
  }

  private static long ranges(long bytes, int major) {
    return CopyPlanner.ranges(bytes, CopyPlanner.SMALLEST_RANGE, major);
  }
}
