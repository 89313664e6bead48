package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What a verification has found so far. Many tables add to it at once. */
final class Tally {
  private static final int FINDINGS = 100;

  private final Side truth;
  private final AtomicInteger tables = new AtomicInteger();
  private final AtomicLong rows = new AtomicLong();
  private final AtomicLong differences = new AtomicLong();
  private final AtomicLong inFlux = new AtomicLong();
  // In order, so that the same findings read the same whichever table was faster.
  private final Set<String> findings = new TreeSet<>();
  private final Set<String> notCompared = new TreeSet<>();
  private final Set<String> stale = new ConcurrentSkipListSet<>();

  Tally(Side truth) {
    this.truth = truth;
  }

  /** The word for the side that takes the writes. */
  String truth() {
    return truth.word();
  }

  /** The word for the side that follows. */
  String follower() {
    return truth.other().word();
  }

  void table() {
    tables.incrementAndGet();
  }

  void rows(long more) {
    rows.addAndGet(more);
  }

  void inFlux(int more) {
    inFlux.addAndGet(more);
  }

  void difference(String finding) {
    differences.incrementAndGet();
    synchronized (findings) {
      findings.add(finding);
    }
  }

  /** Notes what was not compared, and why. */
  void notCompared(String what) {
    synchronized (notCompared) {
      notCompared.add(what);
    }
  }

  /** Notes a materialized view that holds other rows than its twin. */
  void stale(String view) {
    stale.add(view);
  }

  /** {@code 7 tables, 41213870 rows, 0 differences so far}. */
  String line() {
    return "%d tables, %d rows, %d differences so far"
        .formatted(tables.get(), rows.get(), differences.get());
  }

  VerificationReport report(Instant at) {
    synchronized (findings) {
      synchronized (notCompared) {
        return new VerificationReport(
            at,
            tables.get(),
            rows.get(),
            differences.get(),
            inFlux.get(),
            findings.stream().limit(FINDINGS).toList(),
            notCompared.stream().toList(),
            stale.stream().toList());
      }
    }
  }
}
