package dev.whimbrel.checks;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Outcome;
import dev.whimbrel.activity.SuiteRequest;
import dev.whimbrel.postgres.Conninfo;
import dev.whimbrel.runbook.PeerSpec;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A suite that writes, on its clone. It finds the clone by libpq's own variables; those that this
 * worker has for another server are taken from it, so that nothing it does goes there by mistake.
 */
final class SuiteRun {
  private static final String VARIABLE = "env:";

  private static final int LAST_LINES = 20;

  /** What stays: where passwords and certificates lie on this worker. */
  private static final List<String> KEPT = List.of("PGPASSFILE", "PGSSL");

  private final Secrets secrets;
  private final SuiteRequest request;
  private final long begun = System.nanoTime();

  SuiteRun(Secrets secrets, SuiteRequest request) {
    this.secrets = secrets;
    this.request = request;
  }

  /** What is run, as the runbook says it. */
  String subject() {
    return String.join(" ", request.suite().command());
  }

  /** For how long it has been running, in words. */
  String time() {
    long seconds = Duration.ofNanos(System.nanoTime() - begun).toSeconds();
    return seconds < 60
        ? seconds + " s"
        : String.format(Locale.ROOT, "%d min %d s", seconds / 60, seconds % 60);
  }

  /** Runs it; returns nothing when it is green, otherwise how it ended and what it said last. */
  CommandProbe.Ended run() throws InterruptedException {
    try {
      return CommandProbe.output(
          request.suite().command(),
          request.suite().timeout(),
          this::point,
          new CommandProbe.Tail(LAST_LINES, secrets::redact));
    } catch (IOException e) {
      return new CommandProbe.Ended(Optional.of(String.valueOf(e.getMessage())), "");
    }
  }

  /** What the step says of it. */
  Outcome judge(CommandProbe.Ended ended) {
    ended
        .failure()
        .ifPresent(
            failure -> {
              throw Failures.needsHelp(
                  "The suite is not green: %s %s".formatted(secrets.redact(subject()), failure),
                  "Mend what it names, then retry: it gets a fresh clone. A skip is shown at the approval.",
                  null);
            });
    return new Outcome(
        "the suite is green after %s%s"
            .formatted(time(), ended.lastLine().isBlank() ? "" : "; it said: " + ended.lastLine()));
  }

  void point(Map<String, String> environment) {
    environment
        .keySet()
        .removeIf(key -> key.startsWith("PG") && KEPT.stream().noneMatch(key::startsWith));
    hidePasswords(environment);
    PostgresSpec clone = request.on().postgres();
    PostgresUrl url = PostgresUrl.parse(clone.url());
    environment.put("PGHOST", url.host());
    environment.put("PGPORT", Integer.toString(url.port()));
    environment.put("PGDATABASE", url.database());
    environment.put("PGUSER", url.user());
    url.parameters()
        .forEach(
            (key, value) -> {
              String variable = Conninfo.VARIABLES.get(key);
              if (variable != null) {
                environment.put(variable, value);
              }
            });
    if (clone.password() != null) {
      environment.put("PGPASSWORD", secrets.resolve(clone.password()));
    }
    environment.put("WHIMBREL_SUITE_URL", forEveryClient(clone.url()));
  }

  /**
   * The move's own are no business of the suite, and are masked should it know them all the same.
   */
  private void hidePasswords(Map<String, String> environment) {
    Move move = request.on().move();
    for (PostgresSpec side : List.of(move.source(), move.target())) {
      for (PeerSpec each :
          List.of(new PeerSpec(side.url(), side.password()), side.reachedByPeer())) {
        String reference = each.password();
        if (reference == null) {
          continue;
        }
        if (reference.startsWith(VARIABLE)) {
          environment.remove(reference.substring(VARIABLE.length()));
        }
        try {
          String unused = secrets.resolve(reference);
        } catch (ApplicationFailure e) {
          // This worker does not have it: it shows none.
        }
      }
    }
  }

  /** Without parameters that only this worker's driver understands. */
  private static String forEveryClient(String url) {
    int query = url.indexOf('?');
    if (query < 0) {
      return url;
    }
    String known =
        Stream.of(url.substring(query + 1).split("&", -1))
            .filter(each -> Conninfo.VARIABLES.containsKey(each.split("=", 2)[0]))
            .collect(Collectors.joining("&"));
    return url.substring(0, query) + (known.isEmpty() ? "" : "?" + known);
  }
}
