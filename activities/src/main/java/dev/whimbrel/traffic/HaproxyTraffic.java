package dev.whimbrel.traffic;

import dev.whimbrel.activity.ChangePlan;
import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Finding;
import dev.whimbrel.attempt.Attempt;
import dev.whimbrel.runbook.TrafficSpec;
import dev.whimbrel.traffic.HaproxyProcess.State;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One or several HAProxy processes with the servers of both sides in one backend. What was found
 * before the migration is in the world, not in this worker's memory: the weights of the
 * configuration, by {@code get weight} or by the file that was kept.
 */
final class HaproxyTraffic implements TrafficProvider {
  /** One more than the first: a lost answer is no reason to begin anew. */
  private static final int ROUNDS = 2;

  private final List<HaproxyProcess> processes;
  private final List<String> source;
  private final List<String> target;
  private final List<String> servers;
  private final String backend;
  private final @Nullable HaproxyFile file;

  HaproxyTraffic(String migration, TrafficSpec.Haproxy spec) {
    this.source = spec.source();
    this.target = spec.target();
    this.backend = spec.backend();
    this.servers = Stream.concat(source.stream(), target.stream()).toList();
    this.processes =
        spec.admin().stream().map(admin -> new HaproxyProcess(admin, backend)).toList();
    this.file = spec.file() == null ? null : new HaproxyFile(spec.file(), backend, migration);
    Stream.concat(Stream.of(backend), servers.stream())
        .filter(name -> !name.matches("[A-Za-z0-9_.:-]+"))
        .findFirst()
        .ifPresent(
            name -> {
              throw Failures.needsHelp(
                  "'%s' is no name that HAProxy knows: expected letters, digits, and '_.:-'"
                      .formatted(name),
                  "correct traffic.haproxy in the runbook",
                  null);
            });
  }

  @Override
  public ChangePlan plan(int share) {
    List<Finding> findings = new ArrayList<>();
    List<String> forward = new ArrayList<>();
    List<String> back = new ArrayList<>();
    Map<String, Integer> first = Map.of();
    for (HaproxyProcess process : processes) {
      State state = process.read(servers);
      Map<String, Integer> found = found(state);
      first = first.isEmpty() ? found : first;
      findings.addAll(findings(process, state, found, first));
      wanted(share, state).forEach((server, weight) -> forward.add(process.byHand(server, weight)));
      found.forEach((server, weight) -> back.add(process.byHand(server, weight)));
    }
    if (file != null) {
      file.obstacle(servers)
          .ifPresent(
              why ->
                  findings.add(
                      new Finding(
                          Finding.Level.BLOCKER,
                          "haproxy-file",
                          "traffic.haproxy.file",
                          why + ".",
                          "let a worker that may write it serve this migration, or leave the key"
                              + " out")));
    }
    if (file == null) {
      findings.add(
          new Finding(
              Finding.Level.WARNING,
              "haproxy-file",
              "traffic.haproxy",
              "no file is named: its configuration goes on giving everything to the source's"
                  + " servers, and after the end a reload sends all traffic there.",
              "name traffic.haproxy.file, or write the weights into haproxy.cfg before the old"
                  + " servers are stopped."));
    }
    return new ChangePlan(findings, forward, back);
  }

  private List<Finding> findings(
      HaproxyProcess process, State state, Map<String, Integer> found, Map<String, Integer> first) {
    List<Finding> findings = new ArrayList<>();
    String subject = "HAProxy at " + process.admin();
    if (Weights.share(target, found) > 0) {
      findings.add(
          new Finding(
              Finding.Level.BLOCKER,
              "haproxy-weights",
              subject,
              "the target's servers get traffic before the migration by its configuration: %s."
                  .formatted(Weights.shown(found)),
              "give them `weight 0` in backend %s of haproxy.cfg and reload.".formatted(backend)));
    } else if (source.stream().allMatch(each -> found.getOrDefault(each, 0) == 0)) {
      findings.add(
          new Finding(
              Finding.Level.BLOCKER,
              "haproxy-weights",
              subject,
              "the source's servers get no traffic by its configuration: %s."
                  .formatted(Weights.shown(found)),
              "give them their weights in backend %s of haproxy.cfg and reload."
                  .formatted(backend)));
    }
    if (!found.equals(first)) {
      findings.add(
          new Finding(
              Finding.Level.BLOCKER,
              "haproxy-agree",
              subject,
              "its configuration says %s, another process's says %s."
                  .formatted(Weights.shown(found), Weights.shown(first)),
              "give all processes the same weights in haproxy.cfg and reload them."));
    }
    if (!state.now().equals(state.initial())) {
      findings.add(
          new Finding(
              Finding.Level.WARNING,
              "haproxy-weights",
              subject,
              "its weights in force are %s, by its configuration they are %s: the latter come back at a rollback."
                  .formatted(Weights.shown(state.now()), Weights.shown(found)),
              "write the weights that you want back into haproxy.cfg and reload."));
    }
    state.notUp().forEach((server, why) -> findings.add(notUp(subject, server, why)));
    return findings;
  }

  private Finding notUp(String subject, String server, String why) {
    return new Finding(
        Finding.Level.WARNING,
        "haproxy-server",
        subject,
        "server %s/%s is %s and gets nothing whatever its weight is."
            .formatted(backend, server, why),
        why.equals("down")
            ? "see why its health check fails."
            : "set server %s/%s state ready".formatted(backend, server));
  }

  @Override
  public String set(int share, Attempt attempt) {
    Map<String, Integer> before = Map.of();
    Map<String, Integer> wanted = Map.of();
    for (HaproxyProcess process : processes) {
      State state = process.read(servers);
      before = before.isEmpty() ? state.now() : before;
      wanted = wanted(share, state);
      if (!state.now().equals(wanted)) {
        set(process, state, wanted, attempt);
      }
    }
    String line =
        "%s: %s → %s%s"
            .formatted(
                backend,
                Weights.shown(before),
                Weights.shown(wanted),
                processes.size() == 1 ? "" : " at %d processes".formatted(processes.size()));
    if (file == null) {
      return line;
    }
    if (share == 0) {
      return line + file.putBack(servers, attempt).map(said -> "; " + said).orElse("");
    }
    file.write(wanted, attempt);
    return line + ", also in its file";
  }

  /** Sets and reads back: an answer may be lost, and somebody else may set something, too. */
  private void set(
      HaproxyProcess process, State before, Map<String, Integer> wanted, Attempt attempt) {
    State now = before;
    for (int round = 1; round <= ROUNDS; round++) {
      attempt.requireMoment();
      try {
        process.set(now.now(), wanted);
        now = process.read(servers);
        break;
      } catch (ApplicationFailure e) {
        if (!Failures.TRANSIENT.equals(e.getType()) || round == ROUNDS) {
          throw e;
        }
        // The answer was lost, not necessarily the change.
        now = process.read(servers);
      }
    }
    if (!now.now().equals(wanted)) {
      throw Failures.transientFailure(
          "HAProxy at %s: set %s, reads back %s"
              .formatted(process.admin(), Weights.shown(wanted), Weights.shown(now.now())));
    }
  }

  @Override
  public Optional<String> missing(int share) {
    List<String> missing = new ArrayList<>();
    for (HaproxyProcess process : processes) {
      State state = process.read(servers);
      Map<String, Integer> wanted = wanted(share, state);
      if (!state.now().equals(wanted)) {
        missing.add(differs(process, wanted, state));
      }
      missing.addAll(process.out(state, wanted));
    }
    return missing.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", missing));
  }

  @Override
  public Optional<String> forget(Attempt attempt) {
    return file == null ? Optional.empty() : file.forget(attempt);
  }

  @Override
  public Watch watch(int share) {
    Map<String, HaproxyWatch> each = new LinkedHashMap<>();
    processes.forEach(process -> each.put(process.admin(), new HaproxyWatch(process, servers)));
    return attempt -> {
      List<String> lines = new ArrayList<>();
      @Nullable String trouble = null;
      for (HaproxyWatch watch : each.values()) {
        Seen seen = watch.look(state -> wanted(share, state), attempt);
        if (seen.lost()) {
          return seen;
        }
        lines.add(seen.line());
        trouble = trouble == null ? seen.trouble() : trouble;
      }
      return new Seen(false, String.join("; ", lines), trouble);
    };
  }

  private Map<String, Integer> wanted(int share, State state) {
    Map<String, Integer> found = found(state);
    return share == 0 ? found : Weights.of(share, source, target, found);
  }

  /** What was there before the migration: by the file that was kept, else by the configuration. */
  private Map<String, Integer> found(State state) {
    if (file == null) {
      return state.initial();
    }
    Map<String, Integer> kept = file.foundWeights().orElse(state.initial());
    Map<String, Integer> found = new LinkedHashMap<>();
    state
        .initial()
        .forEach((server, initial) -> found.put(server, kept.getOrDefault(server, initial)));
    return found;
  }

  private static String differs(HaproxyProcess process, Map<String, Integer> wanted, State state) {
    return "HAProxy at %s: expected %s, found %s"
        .formatted(process.admin(), Weights.shown(wanted), Weights.shown(state.now()));
  }
}
