package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.whimbrel.activity.Copy;
import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.SoakRequest;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.SmallDisk;
import io.temporal.activity.ActivityOptions;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestActivityEnvironment;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A disk that is really full is named, with its server, instead of being waited at for ever. */
@SmallDisk.Needed
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FullDiskTest {
  private static final int SMALL = 24;
  private static final int ROOMY = 300;

  /** Twice of what fits. */
  private static final int ROWS = 60_000;

  private final PostgresSchema schema = new PostgresSchema(new Secrets());
  private final PostgresReplication replication = new PostgresReplication(new Secrets());

  /** Before 15 a server does not count what its table synchronisation failed at. */
  @ParameterizedTest
  @CsvSource({"13, 13", "15, 16"})
  void onTheTargetDuringTheInitialCopy(int from, int to) throws Exception {
    try (SmallDisk disk = SmallDisk.ofMegabytes(SMALL);
        Pairs pair = Pairs.of(from, to)) {
      Move move = subscribed(pair, pair.target(), disk);

      assertThatThrownBy(() -> replication.awaitCopied(move))
          .satisfies(e -> assertThat(((ApplicationFailure) e).getType()).isEqualTo("NeedsHelp"))
          .hasMessageContaining("The disk of the target's server is full")
          .hasMessageContaining(
              "(127.0.0.1:" + pair.target().port() + "/disk, tablespace small at ")
          .hasMessageContaining("No space left on device")
          .hasMessageContaining("big");
      disk.growToMegabytes(ROOMY);
      replication.awaitCopied(move);

      assertThat(Pairs.value(pair.target(), "disk", "SELECT count(*) FROM big"))
          .isEqualTo(Integer.toString(ROWS));
    }
  }

  /** What was written until then is given back at once, so that the disk has room again. */
  @Test
  void onTheTargetDuringTheCopyOfOneLargeTable() throws Exception {
    try (SmallDisk disk = SmallDisk.ofMegabytes(SMALL);
        Pairs pair = Pairs.of(15, 16)) {
      Move move = tables(pair, pair.target(), disk);
      PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, Long.MAX_VALUE);
      copy.prepareCopy(move);
      try (Holder holder = new Holder(copy, new CopyRequest(move, 1))) {
        copy.openGeneration(holder.request);
        TestActivityEnvironment env = TestActivityEnvironment.newInstance();
        env.registerActivitiesImplementations(copy);
        Copy copying =
            env.newActivityStub(
                Copy.class,
                ActivityOptions.newBuilder()
                    .setStartToCloseTimeout(Duration.ofMinutes(1))
                    .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(1).build())
                    .build());

        assertThatThrownBy(() -> copying.copyPieces(holder.request))
            .rootCause()
            .satisfies(e -> assertThat(((ApplicationFailure) e).getType()).isEqualTo("NeedsHelp"))
            .hasMessageContaining(
                "The disk of the target's server was full (127.0.0.1:%d/disk, tablespace small at "
                    .formatted(pair.target().port()))
            .hasMessageContaining("No space left on device")
            .hasMessageContaining("Cannot copy rows of public.big");
        env.close();
      }
    }
  }

  @Test
  void onTheTargetWhileChangesAreApplied() throws Exception {
    try (SmallDisk disk = SmallDisk.ofMegabytes(ROOMY);
        Pairs pair = Pairs.of(15, 16)) {
      Move move = subscribed(pair, pair.target(), disk);
      replication.awaitCopied(move);
      disk.fill();
      pair.source()
          .execute(
              "disk",
              "INSERT INTO big SELECT i, repeat('y', 500) FROM generate_series(100001, 105000) i");

      assertThatThrownBy(() -> replication.soak(new SoakRequest(move, Duration.ofMinutes(1))))
          .hasMessageContaining("The disk of the target's server is full")
          .hasMessageContaining("No space left on device");
      disk.growToMegabytes(2 * ROOMY);
      replication.awaitCaughtUp(move);

      assertThat(Pairs.value(pair.target(), "disk", "SELECT count(*) FROM big"))
          .isEqualTo(Integer.toString(ROWS + 5_000));
    }
  }

  @Test
  void onTheSource() throws Exception {
    try (SmallDisk disk = SmallDisk.ofMegabytes(ROOMY);
        Pairs pair = Pairs.of(15, 16)) {
      Move move = subscribed(pair, pair.source(), disk);
      replication.awaitCopied(move);
      disk.fill();

      assertThatThrownBy(() -> replication.soak(new SoakRequest(move, Duration.ofMinutes(1))))
          .isInstanceOf(ApplicationFailure.class)
          .hasMessageContaining("The disk of the source's server is full")
          .hasMessageContaining(
              "(127.0.0.1:" + pair.source().port() + "/disk, tablespace small at ");
      disk.growToMegabytes(2 * ROOMY);
      replication.awaitCaughtUp(move);
    }
  }

  private Move subscribed(Pairs pair, PostgresServer small, SmallDisk disk) throws Exception {
    Move move = tables(pair, small, disk);
    schema.createKeys(move);
    replication.subscribe(move);
    return move;
  }

  private Move tables(Pairs pair, PostgresServer small, SmallDisk disk) throws Exception {
    pair.source().createDatabase("disk");
    pair.target().createDatabase("disk");
    disk.carry(small, "disk");
    Move move = pair.claim(pair.move("disk"));
    pair.source()
        .execute(
            "disk",
            "CREATE TABLE big AS SELECT i AS id, repeat('x', 500) AS text FROM generate_series(1, "
                + ROWS
                + ") i",
            "ALTER TABLE big ADD PRIMARY KEY (id)");
    schema.createTables(move);
    return move;
  }
}
