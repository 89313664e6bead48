package dev.whimbrel.checks;

import dev.whimbrel.activity.GuardRequest;
import dev.whimbrel.activity.Side;
import dev.whimbrel.checks.GuardWatch.Look;
import dev.whimbrel.checks.GuardWatch.Seen;
import dev.whimbrel.checks.GuardWindow.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Asks the public name at one address of each side at the same moment, the addresses of a side in
 * turn. Where both sides fail together, only a control probe tells whether that is this machine's
 * own network: without one nothing is known.
 */
final class ComparedLook implements Look {
  private static final ExecutorService SIDES =
      Executors.newCachedThreadPool(
          work -> {
            Thread thread = new Thread(work, "guard side");
            thread.setDaemon(true);
            return thread;
          });

  private final HttpProbe http;
  private final URI url;
  private final Duration limit;
  private final List<InetAddress> source;
  private final List<InetAddress> target;
  private final Kind together;
  private final AtomicInteger turn = new AtomicInteger();

  ComparedLook(HttpProbe http, GuardRequest request, Duration limit) {
    this.http = http;
    this.url = HttpProbe.url(String.valueOf(request.guard().http()));
    this.limit = limit;
    Stacks stacks = new Stacks(http, request.sourceAddresses(), request.targetAddresses());
    this.source = stacks.of(Side.SOURCE);
    this.target = stacks.of(Side.TARGET);
    this.together = request.guard().control() == null ? Kind.UNKNOWN : Kind.BAD;
  }

  /** What one side did: how long it took to answer well, or null; and what it said. */
  private record Answer(@Nullable Duration took, String text) {}

  @Override
  public Seen look() throws InterruptedException {
    int now = turn.getAndIncrement();
    InetAddress there = source.get(Math.floorMod(now, source.size()));
    InetAddress here = target.get(Math.floorMod(now, target.size()));
    CompletableFuture<Answer> other = CompletableFuture.supplyAsync(() -> ask(there), SIDES);
    Answer own = ask(here);
    try {
      Answer source = other.get();
      SideBySide.Pair pair = new SideBySide.Pair(source.took(), own.took());
      if (own.took() == null && source.took() == null) {
        return new Seen(
            together,
            "both sides failed together: %s; %s".formatted(own.text(), source.text()),
            pair);
      }
      return new Seen(own.took() == null ? Kind.BAD : Kind.GOOD, own.text(), pair);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  private Answer ask(InetAddress address) {
    String at = address.getHostAddress() + ": ";
    long start = System.nanoTime();
    try {
      int status = http.ask(url, address, limit);
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      return new Answer(status < 400 ? took : null, at + "status " + status);
    } catch (IOException e) {
      return new Answer(null, at + e.getMessage());
    }
  }
}
