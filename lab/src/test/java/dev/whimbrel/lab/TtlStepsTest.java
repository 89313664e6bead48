package dev.whimbrel.lab;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.lab.Product.Ran;
import dev.whimbrel.migration.MigrationResult.Ending;
import dev.whimbrel.migration.MigrationStatus;
import dev.whimbrel.migration.MigrationStatus.State;
import dev.whimbrel.servers.Needs;
import dev.whimbrel.servers.Program;
import dev.whimbrel.servers.UnboundServer;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Record;

/** The TTL goes down in steps, and none begins while a resolver still keeps an older answer. */
@Needs({Program.MINISTACK, Program.UNBOUND, Program.TEMPORAL, Program.PG_DUMP})
class TtlStepsTest {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final int FOUND = 24;
  private static final List<Integer> STEPS = List.of(12, 6, 3);

  /** A resolver counts whole seconds down, and is asked a moment after the authority. */
  private static final int ROUNDING = 1;

  /**
   * What was answered at one moment.
   *
   * @param at {@link System#nanoTime}
   * @param address where the name points to
   * @param ttl the authority's TTL, or what is left of a resolver's copy
   */
  private record Answer(long at, String address, long ttl) {}

  @Test
  void noStepBeginsBeforeTheOldTtlHasRunOutAtACachingResolver() throws Exception {
    try (LabWorld world = LabWorld.build().onRealTemporal().atRoute53().ttl(FOUND).start();
        LabMigration migration = new LabMigration(world, "ttl");
        UnboundServer resolver = UnboundServer.inFrontOf(LabWorld.ZONE, world.zone().port());
        ShopClients clients = ShopClients.forgetful(new Ledger(), world, 4, 50);
        Observer observer = new Observer(world.zone(), resolver)) {
      world.product().startWorker();
      Path file = world.write(LabRunbook.quickest("ttl"));
      Files.writeString(file, Files.readString(file).replace("lower: 1,", "lower: " + STEPS + ","));
      Ran started = world.product().run("start", file.toString());
      assertThat(started.exit()).as(started.out() + started.err()).isZero();

      MigrationStatus end =
          migration.await("the end", LIMIT, status -> status.state() == State.ENDED);
      assertThat(end.result()).as(LabMigration.summary(end)).isEqualTo(Ending.MIGRATED);
      Poll.until("an answer of the target", LIMIT, observer::sawTheTarget);
      assertThat(clients.lastAddress()).isEqualTo(LabWorld.TARGET_ADDRESS);

      int before = FOUND;
      for (int step : STEPS) {
        long began = observer.firstWith(step);
        assertThat(observer.longestKeptFrom(began))
            .as("what the resolver still keeps when the TTL goes from %d to %d", before, step)
            .isLessThanOrEqualTo(before + ROUNDING);
        before = step;
      }
      assertThat(observer.longestKeptFrom(observer.firstAtTheTarget()))
          .as("what the resolver still keeps when the name is moved")
          .isLessThanOrEqualTo(3 + ROUNDING);
    }
  }

  /** Asks the authority and a resolver ten times a second. */
  private static final class Observer implements AutoCloseable {
    private final List<Answer> authority = new CopyOnWriteArrayList<>();
    private final List<Answer> resolver = new CopyOnWriteArrayList<>();
    private final Thread thread;
    private volatile boolean stopped;

    Observer(LabZone zone, UnboundServer unbound) {
      thread = new Thread(() -> observe(zone, unbound), "observer");
      thread.setDaemon(true);
      thread.start();
    }

    private void observe(LabZone zone, UnboundServer unbound) {
      while (!stopped) {
        try {
          add(authority, zone.records(LabWorld.NAME, "A"));
          add(resolver, unbound.records(LabWorld.NAME, "A"));
          TimeUnit.MILLISECONDS.sleep(100);
        } catch (UncheckedIOException e) {
          // A lost packet; the next look comes soon.
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          return;
        }
      }
    }

    private static void add(List<Answer> answers, List<Record> records) {
      records.stream()
          .findFirst()
          .ifPresent(
              each ->
                  answers.add(new Answer(System.nanoTime(), each.rdataToString(), each.getTTL())));
    }

    boolean sawTheTarget() {
      return last().map(Answer::address).filter(LabWorld.TARGET_ADDRESS::equals).isPresent();
    }

    private Optional<Answer> last() {
      return new ArrayList<>(resolver).stream().reduce((first, second) -> second);
    }

    long firstWith(int ttl) {
      return authority.stream().filter(a -> a.ttl() == ttl).findFirst().orElseThrow().at();
    }

    long firstAtTheTarget() {
      return authority.stream()
          .filter(a -> a.address().equals(LabWorld.TARGET_ADDRESS))
          .findFirst()
          .orElseThrow()
          .at();
    }

    /** The longest rest of a copy from then on, until the TTL was raised again at the end. */
    long longestKeptFrom(long from) {
      long until =
          authority.stream()
              .filter(a -> a.at() > firstAtTheTarget() && a.ttl() == FOUND)
              .mapToLong(Answer::at)
              .findFirst()
              .orElse(Long.MAX_VALUE);
      return resolver.stream()
          .filter(a -> a.at() >= from && a.at() < until)
          .mapToLong(Answer::ttl)
          .max()
          .orElseThrow();
    }

    @Override
    public void close() {
      stopped = true;
      thread.interrupt();
    }
  }
}
