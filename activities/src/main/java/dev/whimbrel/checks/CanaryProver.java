package dev.whimbrel.checks;

import dev.whimbrel.activity.CanaryProof;
import dev.whimbrel.activity.CanaryRequest;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Finding.Level;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.CanaryDatabases;
import dev.whimbrel.runbook.CanarySpec;
import dev.whimbrel.secrets.Secrets;
import io.temporal.failure.ApplicationFailure;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Proves what must be true before the target's stack serves real traffic: both stacks use the
 * source's database, sessions work on both, and the added latency is known.
 */
final class CanaryProver {
  private static final String CHECK = "canary-database";

  /** A system_identifier: 64 bits that begin with the time of initdb, so never a short number. */
  private static final Pattern IDENTIFIER = Pattern.compile("(?<!\\d)\\d{15,20}(?!\\d)");

  private final CanaryRequest request;
  private final CanarySpec canary;
  private final Stacks stacks;
  private final CanaryDatabases databases;
  private final Clock clock;

  CanaryProver(HttpProbe http, Secrets secrets, CanaryRequest request, Clock clock) {
    this.request = request;
    this.canary = request.canary();
    this.stacks = new Stacks(http, request.sourceAddresses(), request.targetAddresses());
    this.databases = new CanaryDatabases(secrets, request.move());
    this.clock = clock;
  }

  /**
   * Looks at everything.
   *
   * @param progress told what is looked at
   * @throws ApplicationFailure where the source's database cannot be asked: nothing can be proved
   */
  CanaryProof prove(Consumer<String> progress) {
    List<Finding> findings = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    progress.accept("asking which database the stacks use");
    long added = 0;
    if (canary.database() == null) {
      findings.addAll(sessions(lines));
      findings.add(
          new Finding(
              Level.WARNING,
              "canary-latency",
              "validate.canary.database",
              "not given: the added latency of the target's stack was not measured.",
              "give a URL whose answer contains the system_identifier of the database in use."));
    } else {
      URI url = HttpProbe.url(canary.database());
      findings.addAll(database(url, lines));
      if (findings.isEmpty()) {
        AddedLatency latency =
            new AddedLatency(stacks, url)
                .measure(
                    done ->
                        progress.accept(
                            "measuring the added latency, %d of %d"
                                .formatted(done, AddedLatency.SAMPLES)));
        latency.finding(canary.maxAddedLatency()).ifPresent(findings::add);
        lines.add(latency.line());
        added = latency.addedMillis();
      }
    }
    progress.accept("using sessions of one side at the other");
    findings.addAll(session(lines));
    return new CanaryProof(clock.instant(), findings, added, String.join("; ", lines));
  }

  /** Asks every address of both sides which database it uses. */
  private List<Finding> database(URI url, List<String> lines) {
    String truth = databases.identifier(Side.SOURCE);
    String other = targetIdentifier();
    if (truth.equals(other)) {
      return List.of(
          new Finding(
              Level.BLOCKER,
              CHECK,
              url.toString(),
              "both databases have the system_identifier %s, since one is a physical copy of the other or both are in one cluster: no answer can tell them apart."
                  .formatted(truth),
              "leave validate.canary.database out: then the databases' own lists of sessions say"
                  + " who uses them."));
    }
    List<Finding> findings = new ArrayList<>();
    int asked = 0;
    for (Side side : Side.values()) {
      for (InetAddress address : stacks.of(side)) {
        asked++;
        String found = found(url, address, truth, other);
        if (found != null) {
          findings.add(
              new Finding(
                  Level.BLOCKER,
                  CHECK,
                  address.getHostAddress(),
                  "expected the %s's stack to use the source's database, system_identifier %s, found %s at %s."
                      .formatted(side.word(), truth, found, url),
                  "let it use the database at %s until the switchover."
                      .formatted(databases.where(Side.SOURCE))));
        }
      }
    }
    if (findings.isEmpty()) {
      lines.add("%d addresses use the source's database (%s)".formatted(asked, truth));
    }
    return findings;
  }

  /** Returns what was found instead of the truth; null where it was the truth. */
  private @Nullable String found(
      URI url, InetAddress address, String truth, @Nullable String other) {
    try {
      HttpAnswer answer = stacks.ask(url, address, List.of());
      List<String> identifiers = new ArrayList<>();
      Matcher matcher = IDENTIFIER.matcher(answer.body());
      while (matcher.find()) {
        identifiers.add(matcher.group());
      }
      if (other != null && identifiers.contains(other)) {
        return "the target's, %s,".formatted(other);
      }
      if (identifiers.isEmpty()) {
        return "no system_identifier in the answer (status %d)".formatted(answer.status());
      }
      if (!identifiers.contains(truth)) {
        return identifiers.get(0);
      }
      return answer.status() < 400 ? null : "status " + answer.status();
    } catch (IOException e) {
      return "no answer (%s)".formatted(e.getMessage());
    }
  }

  /** The target's identifier only names what is wrong: without it, wrong is still wrong. */
  private @Nullable String targetIdentifier() {
    try {
      return databases.identifier(Side.TARGET);
    } catch (ApplicationFailure e) {
      return null;
    }
  }

  /** Without a URL, the databases' own lists of sessions have to say who uses them. */
  private List<Finding> sessions(List<String> lines) {
    for (Side side : Side.values()) {
      if (!databases.seesSessions(side)) {
        return List.of(
            new Finding(
                Level.BLOCKER,
                CHECK,
                databases.where(side),
                "expected to see whose sessions there are at the %s's database, found that the role may not."
                    .formatted(side.word()),
                "GRANT pg_monitor to the runbook's role, or give validate.canary.database."));
      }
    }
    List<Finding> findings = new ArrayList<>();
    List<String> seen = databases.applicationsFrom(Side.SOURCE, request.targetAddresses());
    if (seen.isEmpty()) {
      findings.add(
          new Finding(
              Level.BLOCKER,
              CHECK,
              databases.where(Side.SOURCE),
              "expected sessions from the target's addresses (%s) at the source's database, found none."
                  .formatted(String.join(", ", request.targetAddresses())),
              "let the target's stack use the source's database until the switchover; where it"
                  + " connects from other addresses, give validate.canary.database."));
    }
    List<String> wrong = databases.applications(Side.TARGET);
    if (!wrong.isEmpty()) {
      findings.add(
          new Finding(
              Level.BLOCKER,
              CHECK,
              databases.where(Side.TARGET),
              "expected no application at the target's database before the switchover, found %s."
                  .formatted(String.join(", ", wrong.stream().limit(5).toList())),
              "let it use the database at %s until then.".formatted(databases.where(Side.SOURCE))));
    }
    if (findings.isEmpty()) {
      lines.add("the target's stack is seen at the source's database (%s)".formatted(seen.get(0)));
    }
    return findings;
  }

  private List<Finding> session(List<String> lines) {
    if (canary.session() == null) {
      return List.of(
          new Finding(
              Level.WARNING,
              "canary-session",
              "validate.canary.session",
              "not given: nobody looked whether a session of one side works on the other.",
              "give {open: URL, use: URL}; where the service has no sessions, nothing is missing."));
    }
    List<Finding> findings = new CanarySessions(stacks, canary.session()).look();
    if (findings.isEmpty()) {
      lines.add("sessions work both ways");
    }
    return findings;
  }
}
