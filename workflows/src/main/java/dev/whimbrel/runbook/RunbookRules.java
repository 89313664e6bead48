package dev.whimbrel.runbook;

import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a runbook must be beyond its form. Works on a draft in which anything that could not be read
 * is missing, so every part may be null here.
 */
final class RunbookRules {
  static final String NAME = "[a-z][a-z0-9-]{0,39}";
  static final String STORAGE = "[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)";
  private static final Pattern ROLE_OR_PERSON = Pattern.compile("\\S(.{0,198}\\S)?");

  private final Runbook draft;
  private final Places places;

  private RunbookRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  /** Reports everything that is wrong with the draft. */
  static void check(Runbook draft, Places places) {
    new ConnectRules(draft, places).check();
    new RunbookRules(draft, places).rest();
  }

  /** Reports what is wrong with the draft for a clone, which nobody connects to. */
  static void checkForClone(Runbook draft, Places places) {
    new ConnectRules(draft, places).entries();
    new RunbookRules(draft, places).rest();
  }

  private void rest() {
    names();
    new SideRules(draft, places).check();
    if (draft.dns() != null) {
      new DnsRules(draft, draft.dns(), places).check();
    }
    new TrafficRules(draft, places).check();
    new MachineRules(draft, places).check();
    replicate();
    new CheckRules(draft, places).check();
    cutover();
    rollback();
  }

  private void names() {
    String name = draft.name();
    if (name != null && !name.matches(NAME)) {
      places.report(
          "name",
          "expected a lower-case letter, then at most 39 lower-case letters, digits and hyphens,"
              + " found '"
              + name
              + "'.");
    }
    if (draft.service() != null && draft.service().isBlank()) {
      places.report("service", "expected what people call the service, found an empty text.");
    }
    people("approvers", draft.approvers());
    Set<String> roles = new HashSet<>();
    List<LeftBehind> leftBehind = draft.leftBehind();
    for (int i = 0; i < leftBehind.size(); i++) {
      String role = leftBehind.get(i).role();
      if (role != null && !roles.add(role)) {
        places.report("leftBehind[" + i + "].role", "'" + role + "' stands here a second time.");
      }
    }
  }

  private void people(String path, List<String> people) {
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < people.size(); i++) {
      String at = path + "[" + i + "]";
      if (!ROLE_OR_PERSON.matcher(people.get(i)).matches()) {
        places.report(at, "expected a person, such as ana@example.com.");
      } else if (!seen.add(people.get(i))) {
        places.report(at, "'" + people.get(i) + "' stands here a second time.");
      }
    }
  }

  private void replicate() {
    Integer jobs = draft.replicate().jobs();
    if (jobs < 1 || jobs > 64) {
      places.report("replicate.jobs", "expected 1 to 64, found " + jobs + ".");
    }
    positive("replicate.soak", draft.replicate().soak());
    positive("replicate.maxLag", draft.replicate().maxLag());
    WalSpec wal = draft.replicate().wal();
    if (wal.limit() != null
        && (!wal.limit().matches(STORAGE) || wal.limit().matches("[0.]+ ?[A-Za-z]+"))) {
      places.report(
          "replicate.wal.limit",
          "expected a size such as 500MB or 50GB, found '" + wal.limit() + "'.");
    }
    oneOf("replicate.wal.then", wal.then(), List.of("release", "ask", "warn"));
    ThrottleSpec throttle = draft.replicate().throttle();
    if (throttle != null) {
      throttle(throttle);
    }
    TablesSpec tables = draft.replicate().tables();
    if (tables != null) {
      new TableRules(tables, places).check();
    }
    new StageRules(draft.replicate(), places).check();
    new OfflineRules(draft, places).check();
    subscriptions();
  }

  private void subscriptions() {
    Integer subscriptions = draft.replicate().subscriptions();
    if (subscriptions == null) {
      return;
    }
    if (subscriptions < 1 || subscriptions > Replicate.MOST_SUBSCRIPTIONS) {
      places.report(
          "replicate.subscriptions",
          "expected 1 to %d, found %d.".formatted(Replicate.MOST_SUBSCRIPTIONS, subscriptions));
    }
    String method = draft.replicate().method();
    if (Replicate.STAGED.equals(method) || Replicate.OFFLINE.equals(method)) {
      places.report(
          "replicate.subscriptions",
          "expected only with method: online: %s."
              .formatted(
                  Replicate.STAGED.equals(method)
                      ? "stages join into one stream"
                      : "nothing streams from a source that is closed first"));
    }
  }

  private void throttle(ThrottleSpec throttle) {
    if (throttle.rate() == null && throttle.activeSessions() == null) {
      places.report(
          "replicate.throttle", "expected at least one of rate, activeSessions, found none.");
    }
    String rate = throttle.rate();
    if (rate != null && !rate.matches(ThrottleSpec.RATE)) {
      places.report(
          "replicate.throttle.rate",
          "expected bytes a second such as 50MB/s, at least 1MB/s, found '" + rate + "'.");
    }
    Integer sessions = throttle.activeSessions();
    if (sessions != null && sessions < 0) {
      places.report(
          "replicate.throttle.activeSessions", "expected 0 or more, found " + sessions + ".");
    }
  }

  private void cutover() {
    CutoverSpec cutover = draft.cutover();
    String window = cutover.window();
    if (window != null) {
      Problems.reportWhenRefused(places, "cutover.window", () -> WindowSpec.parse(window));
    }
    oneOf("cutover.approval", cutover.approval(), List.of("required", "none"));
    oneOf("decommission.approval", draft.decommission().approval(), List.of("required", "none"));
    positive("cutover.pauseBudget", cutover.pauseBudget());
    positive("cutover.monitor", cutover.monitor());
    positive("cutover.evidenceMaxAge", cutover.evidenceMaxAge());
    if (cutover.pauseBudget().compareTo(Duration.ofMinutes(1)) > 0) {
      places.report(
          "cutover.pauseBudget",
          "expected at most 1m, found "
              + Durations.format(cutover.pauseBudget())
              + ": applications would give up before the migration does.");
    }
  }

  private void rollback() {
    positive("rollback.window", draft.rollback().window());
    positive("rollback.patience", draft.rollback().patience());
    people("rollback.by", draft.rollback().by());
  }

  private void positive(String path, Duration duration) {
    Problems.positive(places, path, duration);
  }

  private void oneOf(String path, @Nullable String found, List<String> words) {
    Problems.oneOf(places, path, found, words);
  }
}
