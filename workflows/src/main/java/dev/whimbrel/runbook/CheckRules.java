package dev.whimbrel.runbook;

import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Smoke checks and guards. */
final class CheckRules {
  private static final List<String> KINDS = List.of("http", "sql", "command");
  private static final List<String> GUARDED = List.of("http", "sql", "command", "prometheus");

  /** A guard never acts on fewer samples, so that one with room for fewer would never act. */
  private static final int FEWEST_SAMPLES = 30;

  private static final Duration LONGEST_SUITE = Duration.ofDays(2);

  private final Runbook draft;
  private final Places places;

  CheckRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  void check() {
    List<CheckSpec> smoke = draft.validate().smoke();
    for (int i = 0; i < smoke.size(); i++) {
      smoke("validate.smoke[" + i + "]", smoke.get(i));
    }
    Problems.oneOf(places, "validate.hash", draft.validate().hash(), List.of("fast", "sha256"));
    Problems.positive(places, "validate.every", draft.validate().every());
    String queries = draft.validate().queries();
    if (queries != null && queries.isBlank()) {
      places.report("validate.queries", "expected a file of queries, found an empty text.");
    }
    SuiteSpec suite = draft.validate().suite();
    if (suite != null) {
      suite("validate.suite", suite);
    }
    List<GuardSpec> guards = draft.guards();
    for (int i = 0; i < guards.size(); i++) {
      guard("guards[" + i + "]", guards.get(i));
    }
  }

  private void smoke(String path, CheckSpec check) {
    Problems.exactlyOne(places, path, KINDS);
    web(path + ".http", check.http());
    Problems.notEmpty(places, path + ".command", check.command());
    Problems.positive(places, path + ".timeout", check.timeout());
    onlyWithHttp(path, "expect");
    onlyWithHttp(path, "via");
    Integer expect = check.expect();
    if (expect != null && (expect < 100 || expect > 599)) {
      places.report(path + ".expect", "expected an HTTP status, 100 to 599, found " + expect + ".");
    }
    Problems.oneOf(places, path + ".via", check.via(), List.of("target", "source"));
    SideSpec side = "source".equals(check.via()) ? draft.source() : draft.target();
    if (check.via() != null
        && List.of("target", "source").contains(check.via())
        && side != null
        && side.addresses().isEmpty()
        && !places.has(check.via() + ".addresses")
        && draft.dns() == null) {
      places.report(
          path + ".via", "expected " + check.via() + ".addresses, to which this check would go.");
    }
  }

  private void suite(String path, SuiteSpec suite) {
    if (places.has(path + ".command")) {
      Problems.notEmpty(places, path + ".command", suite.command());
    }
    if (suite.on() != null && !suite.on().equals("clone")) {
      places.report(
          path + ".on",
          "expected clone, found '%s': a suite that writes never runs on source or target. Write on: clone"
              .formatted(suite.on()));
    }
    Problems.positive(places, path + ".timeout", suite.timeout());
    if (suite.timeout().compareTo(LONGEST_SUITE) > 0) {
      places.report(
          path + ".timeout",
          "expected at most 2d, found %s: its clone takes the target's room for as long."
              .formatted(Durations.format(suite.timeout())));
    }
  }

  private void guard(String path, GuardSpec guard) {
    Problems.exactlyOne(places, path, GUARDED);
    web(path + ".http", guard.http());
    web(path + ".control", guard.control());
    Problems.notEmpty(places, path + ".command", guard.command());
    onlyWithHttp(path, "p99");
    onlyWithHttp(path, "control");
    onlyWithHttp(path, "compare");
    prometheus(path + ".prometheus", guard.prometheus());
    compare(path + ".compare", guard.compare());
    Problems.positive(places, path + ".p99", guard.p99());
    Problems.positive(places, path + ".over", guard.over());
    Problems.positive(places, path + ".interval", guard.interval());
    if (guard.over().compareTo(guard.interval().multipliedBy(FEWEST_SAMPLES)) < 0) {
      places.report(
          places.has(path + ".interval") ? path + ".interval" : path + ".over",
          "expected over (%s) to be at least %d times interval (%s): a guard never judges fewer samples."
              .formatted(
                  Durations.format(guard.over()),
                  FEWEST_SAMPLES,
                  Durations.format(guard.interval())));
    }
    Problems.oneOf(places, path + ".then", guard.then(), List.of("ask", "rollback"));
  }

  private void prometheus(String path, GuardSpec.@Nullable Prometheus prometheus) {
    if (prometheus == null) {
      return;
    }
    web(path + ".url", prometheus.url());
    Problems.reference(places, path + ".token", prometheus.token());
  }

  private void compare(String path, GuardSpec.@Nullable Compare compare) {
    if (compare == null) {
      return;
    }
    String guard = path.substring(0, path.lastIndexOf('.'));
    for (String other : List.of("maxErrorRate", "p99")) {
      if (places.has(guard + "." + other)) {
        places.report(
            guard + "." + other, "goes not with compare: write a guard of its own for it.");
      }
    }
    Problems.positive(places, path + ".slowerBy", compare.slowerBy());
    for (String side : List.of("source", "target")) {
      SideSpec each = side.equals("source") ? draft.source() : draft.target();
      if (each != null && each.addresses().isEmpty() && !places.has(side + ".addresses")) {
        places.report(path, "expected " + side + ".addresses, where that side is asked.");
      }
    }
  }

  private void onlyWithHttp(String path, String key) {
    if (places.has(path + "." + key) && !places.has(path + ".http")) {
      places.report(path + "." + key, "goes only with http.");
    }
  }

  static boolean isUrl(String url) {
    return isWeb(url);
  }

  private void web(String path, @Nullable String url) {
    if (url != null && !isWeb(url)) {
      places.report(path, "expected a URL that begins with http:// or https:// and names a host.");
    }
  }

  private static boolean isWeb(String url) {
    try {
      URI uri = new URI(url);
      return uri.getHost() != null
          && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
          && uri.getUserInfo() == null;
    } catch (URISyntaxException e) {
      return false;
    }
  }
}
