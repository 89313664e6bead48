package dev.whimbrel.checks;

import dev.whimbrel.activity.Canary;
import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.CanaryRequest;
import dev.whimbrel.activity.Progress;
import dev.whimbrel.secrets.Secrets;
import io.temporal.activity.Activity;
import java.time.Clock;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import javax.net.ssl.SSLSocketFactory;

/** Looks at both stacks before the first percent, from this worker. */
public final class ProveCanary implements Canary {
  private final HttpProbe http;
  private final Secrets secrets;
  private final Consumer<Progress> heartbeat;
  private final Clock clock;

  /** Proofs whose database passwords are resolved by {@code secrets}. */
  public ProveCanary(Secrets secrets) {
    this(
        (SSLSocketFactory) SSLSocketFactory.getDefault(),
        secrets,
        progress -> Activity.getExecutionContext().heartbeat(progress),
        Clock.systemUTC());
  }

  ProveCanary(SSLSocketFactory tls, Secrets secrets, Consumer<Progress> heartbeat, Clock clock) {
    this.http = new HttpProbe(tls);
    this.secrets = secrets;
    this.heartbeat = heartbeat;
    this.clock = clock;
  }

  @Override
  public CanaryProof proveCanary(CanaryRequest request) {
    CanaryProver prover = new CanaryProver(http, secrets, request, clock);
    AtomicReference<String> doing = new AtomicReference<>("looking at both stacks");
    ExecutorService thread =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread daemon = new Thread(work, "canary");
              daemon.setDaemon(true);
              return daemon;
            });
    try {
      return Beating.await(
          thread.submit(() -> prover.prove(doing::set)),
          heartbeat,
          () -> Progress.of(String.valueOf(doing.get())));
    } finally {
      thread.shutdownNow();
    }
  }
}
