package dev.whimbrel.migration;

import static dev.whimbrel.migration.Timeouts.call;

import dev.whimbrel.activity.Dns;
import dev.whimbrel.activity.DnsMove;
import dev.whimbrel.activity.DnsSnapshot;
import dev.whimbrel.activity.Preflight;
import dev.whimbrel.activity.PreflightReport;
import dev.whimbrel.activity.TtlRequest;
import dev.whimbrel.migration.Judgement.TtlStep;

/** Finds out what stands in the way, and lowers the TTL. Nothing that serves anybody changes. */
final class Prepare {
  private final Migration migration;

  Prepare(Migration migration) {
    this.migration = migration;
  }

  void run() {
    migration.learn(migration.steps.get(Step.PREFLIGHT, this::preflight, Judgement::line));

    new Machines(migration).provision();

    DnsMove names = migration.names();
    if (names == null) {
      migration.board.notConfigured(Step.LOWER_TTL);
      return;
    }
    DnsSnapshot found =
        migration.steps.get(Step.LOWER_TTL, step -> find(step, names), Prepare::line);
    migration.learn(found);

    migration.undo.tidying(
        Step.TTL_BACK, step -> restoreTtl(step, new TtlRequest(names, found, 0, true)));
    for (TtlStep down : Judgement.ttlSteps(found.longestTtl(), names.dns().ttl().lower())) {
      TtlRequest request = new TtlRequest(names, found, down.ttl(), false);
      migration.steps.run(
          Step.LOWER_TTL,
          step -> {
            call(Dns.class, Timeouts.CALL, step).setTtl(request);
            return call(Dns.class, Timeouts.WATCH, step).awaitTtl(request);
          });
      migration.steps.rest(
          Step.LOWER_TTL,
          down.oldTtl(),
          "resolvers to forget the old TTL of %d s".formatted(down.oldTtl().toSeconds()),
          "TTL %d s everywhere; resolvers forget the old one of %d s"
              .formatted(down.ttl(), down.oldTtl().toSeconds()));
    }
  }

  private PreflightReport preflight(Step step) {
    PreflightReport report =
        call(Preflight.class, Timeouts.CATALOG, step)
            .preflight(migration.move)
            .with(Plans.beforeTheStart(migration.runbook, step.label()));
    Judgement.refuseBlockers("preflight", report.findings());

    migration.undo.tidying(
        Step.RELEASE,
        back -> call(Preflight.class, Timeouts.CATALOG, back).release(migration.move));
    migration.learn(call(Preflight.class, Timeouts.CATALOG, step).claim(migration.move));
    return report;
  }

  private static DnsSnapshot find(Step step, DnsMove names) {
    return call(Dns.class, Timeouts.CALL, step).findRecords(names);
  }

  private static String line(DnsSnapshot found) {
    return "%s, longest TTL %d s"
        .formatted(Judgement.count(found.records().size(), "record set"), found.longestTtl());
  }

  /** Restores the TTLs that were found, and waits until they are served. */
  static dev.whimbrel.activity.Outcome restoreTtl(Step step, TtlRequest request) {
    call(Dns.class, Timeouts.CALL, step).setTtl(request);
    return call(Dns.class, Timeouts.WATCH, step).awaitTtl(request);
  }
}
