package dev.whimbrel.checks;

import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.SmokeRequest;
import dev.whimbrel.postgres.SqlProbe;
import dev.whimbrel.runbook.CheckSpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Runs one check. What is asked over the network is asked again until it is green or its time is
 * over, since a service may just be connecting to its new database; a command runs once.
 */
final class SmokeCheck {
  private static final Duration BETWEEN = Duration.ofSeconds(1);

  /** One try, so that a request which hangs leaves time for another. */
  private static final Duration TRY = Duration.ofSeconds(10);

  private final HttpProbe http;
  private final SqlProbe sql;
  private final SmokeRequest request;

  SmokeCheck(HttpProbe http, SqlProbe sql, SmokeRequest request) {
    this.http = http;
    this.sql = sql;
    this.request = request;
  }

  /** What a check is called in messages. */
  static String subject(CheckSpec check) {
    if (check.http() != null) {
      return check.http() + (check.via() == null ? "" : " via " + check.via());
    }
    return check.sql() != null ? check.sql() : String.join(" ", command(check));
  }

  /** Returns nothing when the check is green, otherwise what was found. */
  Optional<String> run(CheckSpec check) throws InterruptedException {
    if (check.command() != null) {
      try {
        return CommandProbe.run(check.command(), check.timeout());
      } catch (IOException e) {
        return Optional.of(String.valueOf(e.getMessage()));
      }
    }
    long deadline = System.nanoTime() + check.timeout().toNanos();
    while (true) {
      Duration left = Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime()));
      Duration limit = left.compareTo(TRY) < 0 ? left : TRY;
      Optional<String> failure =
          check.http() != null
              ? http(check, HttpProbe.url(check.http()), limit)
              : sql.ask(request.move(), Side.TARGET, String.valueOf(check.sql()), limit);
      if (failure.isEmpty() || System.nanoTime() + BETWEEN.toNanos() >= deadline) {
        return failure;
      }
      Thread.sleep(BETWEEN.toMillis());
    }
  }

  private Optional<String> http(CheckSpec check, URI url, Duration limit) {
    if (check.via() == null) {
      return http(check, url, null, limit);
    }
    List<String> addresses =
        check.via().equals(Side.SOURCE.word())
            ? request.sourceAddresses()
            : request.targetAddresses();
    if (addresses.isEmpty()) {
      return Optional.of("the runbook gives no addresses under " + check.via() + ".addresses");
    }
    List<String> failures = new ArrayList<>();
    for (String address : addresses) {
      try {
        http(check, url, InetAddress.getByName(address), limit)
            .ifPresent(failure -> failures.add(address + ": " + failure));
      } catch (UnknownHostException e) {
        failures.add(address + ": is not an address");
      }
    }
    return failures.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", failures));
  }

  private Optional<String> http(
      CheckSpec check, URI url, @Nullable InetAddress address, Duration limit) {
    int expected = check.expect() == null ? 200 : check.expect();
    try {
      int status = http.ask(url, address, limit);
      return status == expected
          ? Optional.empty()
          : Optional.of("expected status " + expected + ", found " + status);
    } catch (UnknownHostException e) {
      return Optional.of("the name " + url.getHost() + " has no address");
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  private static List<String> command(CheckSpec check) {
    return check.command() == null ? List.of() : check.command();
  }
}
