package dev.whimbrel.checks;

import dev.whimbrel.activity.Breach;
import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.runbook.GuardSpec;
import dev.whimbrel.runbook.Percent;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import javax.net.ssl.SSLSocketFactory;
import org.jspecify.annotations.Nullable;

/** Guards that are watched in a test: fifty looks a second, judged over two seconds. */
final class Guarding {
  static final Duration OVER = Duration.ofSeconds(2);

  private static final Duration LONGEST = Duration.ofSeconds(60);

  private final Secrets secrets;
  final List<String> lines = new CopyOnWriteArrayList<>();

  Guarding(Map<String, String> environment) {
    this.secrets = new Secrets(environment);
  }

  /** A guard that compares both sides. */
  static GuardSpec comparing(String url) {
    GuardSpec.Compare compare = new GuardSpec.Compare(new Percent(0.01), Duration.ofMillis(100));
    return guard(url, null, compare, null);
  }

  /** The same with a control probe. */
  static GuardSpec comparing(String url, String control) {
    GuardSpec.Compare compare = new GuardSpec.Compare(new Percent(0.01), Duration.ofMillis(100));
    return guard(url, null, compare, control);
  }

  /** A guard by a query. */
  static GuardSpec querying(String url, String query, @Nullable String token) {
    return guard(null, new GuardSpec.Prometheus(url, query, token), null, null);
  }

  private static GuardSpec guard(
      @Nullable String http,
      GuardSpec.@Nullable Prometheus prometheus,
      GuardSpec.@Nullable Compare compare,
      @Nullable String control) {
    return new GuardSpec(
        http,
        null,
        null,
        prometheus,
        new Percent(0.01),
        null,
        OVER,
        Duration.ofMillis(20),
        control,
        compare,
        "rollback");
  }

  /**
   * Watches until the guard is breached or what it says, each time it reports, is enough.
   *
   * @return empty where it was not breached
   */
  Optional<Breach> watch(GuardSpec guard, Predicate<String> enough) {
    long deadline = System.nanoTime() + LONGEST.toNanos();
    RunChecks checks =
        new RunChecks(
            (SSLSocketFactory) SSLSocketFactory.getDefault(),
            secrets,
            progress -> hear(progress, enough, deadline),
            Clock.systemUTC());
    try {
      return Optional.of(
          checks.awaitBreach(
              new GuardRequest(move(), guard, 1, BothSides.SOURCE, BothSides.TARGET)));
    } catch (CancellationException e) {
      return Optional.empty();
    }
  }

  private void hear(Progress progress, Predicate<String> enough, long deadline) {
    lines.add(progress.line());
    if (enough.test(progress.line())) {
      throw new CancellationException("seen enough");
    }
    if (System.nanoTime() > deadline) {
      throw new IllegalStateException("still: " + progress.line());
    }
  }

  private static Move move() {
    PostgresSpec nowhere =
        new PostgresSpec("postgresql://postgres@127.0.0.1:1/shop", null, null, null);
    return new Move("shop", nowhere, nowhere, List.of(), List.of(), 1, Duration.ofSeconds(1));
  }
}
