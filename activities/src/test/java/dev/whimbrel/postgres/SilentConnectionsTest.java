package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.Relay;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Connections of a copy that never answer again, while new ones would. */
@Needs(Program.PG_DUMP)
class SilentConnectionsTest {
  private static final int JOBS = 3;

  /** So that the copy is not over before the connections are. */
  private static final Duration ONE_WAY = Duration.ofMillis(2);

  @Test
  void costThePiecesThatWereUnderWay() throws Exception {
    try (Pairs pair = Pairs.of(15, 16);
        Relay toSource = Relay.to(pair.source().port(), ONE_WAY);
        Relay toTarget = Relay.to(pair.target().port(), ONE_WAY)) {
      pair.database("shop");
      Move move = through(pair, toSource, toTarget);
      pair.source()
          .execute(
              "shop",
              "CREATE TABLE big (id int PRIMARY KEY, text text)",
              "INSERT INTO big SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 60000) i");
      new PostgresSchema(new Secrets()).createTables(move);
      PostgresCopy copy = new PostgresCopy(new Secrets(), Pace.USUAL, 16 * 8192);
      copy.prepareCopy(move);
      List<CopyShare> shares;
      // The holder's connection is straight: it would only be tried again.
      try (Holder holder = new Holder(copy, new CopyRequest(pair.move("shop"), 1))) {
        copy.openGeneration(holder.request);
        CopyRequest request = new CopyRequest(move, 1);
        List<CompletableFuture<CopyShare>> copying =
            Stream.generate(() -> CompletableFuture.supplyAsync(() -> copy.copyPieces(request)))
                .limit(JOBS)
                .toList();
        Wait.until("some pieces", Duration.ofSeconds(60), () -> done(pair.target()) >= 10);
        toSource.abandon();
        toTarget.abandon();
        long before = done(pair.target());
        assertThat(copying).as("still at work").noneMatch(CompletableFuture::isDone);

        for (CompletableFuture<CopyShare> one : copying) {
          one.get(80, TimeUnit.SECONDS);
        }
        shares = copying.stream().map(CompletableFuture::join).toList();
        assertThat(before).isLessThan(done(pair.target()));
      }
      copy.finishCopy(move);

      assertThat(shares).noneMatch(CopyShare::snapshotLost);
      String content = "SELECT count(*) || ' ' || sum(hashtextextended(t::text, 0)) FROM big t";
      assertThat(Pairs.value(pair.target(), "shop", content))
          .isEqualTo(Pairs.value(pair.source(), "shop", content));
    }
  }

  private static Move through(Pairs pair, Relay toSource, Relay toTarget) {
    return new Move(
        "shop",
        spec(pair.source(), toSource),
        spec(pair.target(), toTarget),
        List.of(Connect.MANUAL),
        List.of(),
        JOBS,
        Duration.ofSeconds(1));
  }

  private static PostgresSpec spec(PostgresServer server, Relay relay) {
    return new PostgresSpec(server.url("shop", relay), null, null, null);
  }

  private static long done(PostgresServer target) throws Exception {
    return Long.parseLong(
        Pairs.value(
            target, "shop", "SELECT count(*) FROM whimbrel.copy_piece WHERE done_at IS NOT NULL"));
  }
}
