package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.SmallDisk;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A target whose disk really fills during the copy: the migration asks, goes on, and ends well. */
@SmallDisk.Needed
@Needs({Program.TEMPORAL, Program.PG_DUMP})
class FullDiskMoveTest {
  private static final LabRunbook QUICK = LabRunbook.quick("narrow");

  @Test
  @Tag("campaign")
  void parksWithTheServerAndTheDiskAndGoesOnOnceThereIsRoom() throws Exception {
    try (SmallDisk disk = SmallDisk.ofMegabytes(30);
        Journey journey =
            Journey.begin(LabWorld.build().withoutDns(), QUICK.name(), Duration.ZERO)) {
      LabWorld world = journey.world();
      disk.carry(world.target(), Shop.DATABASE);
      world
          .source()
          .execute(
              Shop.DATABASE,
              "SET ROLE " + Shop.OWNER,
              "CREATE TABLE wide AS SELECT i AS id, repeat('x', 900) AS text FROM generate_series(1, 40000) i",
              "ALTER TABLE wide ADD PRIMARY KEY (id)");
      journey.start(QUICK);

      journey.await("the full disk", status -> status.state() == State.NEEDS_HELP);
      Ran told = world.product().run("status", QUICK.name());
      System.out.println(told.out());
      assertThat(told.out())
          .contains("NEEDS HELP")
          // What one job gives back may be room for what another one needs.
          .containsPattern("The disk of the target's server (is|was) full \\(127.0.0.1:")
          .contains("tablespace small at " + disk.tablespace(), "No space left on device (53100)")
          .contains("Cannot copy rows of public.")
          .contains("give the server more disk, then retry")
          .contains("whimbrel retry narrow --step replicate.copy");
      journey.awaitAcknowledged(100);

      disk.growToMegabytes(600);
      Ran retried = world.product().run("retry", QUICK.name(), "--step", "replicate.copy");
      assertThat(retried.exit()).as(retried.out() + retried.err()).isZero();
      journey.assertMigrated();
      journey.judge(true);
    }
  }
}
