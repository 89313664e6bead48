package dev.whimbrel.postgres;

import dev.whimbrel.activity.DifferingRow;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerificationReport;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a verification has found so far. Many tables add to it at once. It holds, and reports, the
 * first of its findings in their own order only, so that neither a worker's memory nor a workflow's
 * history grows with the damage; all of them are counted.
 */
final class Tally {
  private static final int FINDINGS = 100;
  private static final int ROWS = 1_000;

  /** A payload of Temporal's may have two megabytes, and people complain of a quarter of one. */
  private static final int ROWS_BYTES = 128 * 1024;

  /** Commands to mend a row are long, and nobody mends a hundred rows by hand. */
  private static final int REPAIRS = 20;

  private static final int NOT_COMPARED = 500;

  private final Side truth;
  private final AtomicInteger tables = new AtomicInteger();
  private final AtomicLong rows = new AtomicLong();
  private final AtomicLong differences = new AtomicLong();
  private final AtomicLong inFlux = new AtomicLong();
  // In order, so that the same findings read the same whichever table was faster.
  private final TreeSet<String> findings = new TreeSet<>();
  private final TreeMap<String, DifferingRow> differing = new TreeMap<>();
  private final Set<String> damaged = new HashSet<>();
  private final Map<ComparedTable, Set<List<String>>> unjudged = new LinkedHashMap<>();
  private long differingRows;
  private final Set<String> notCompared = new TreeSet<>();
  private final Set<String> stale = new ConcurrentSkipListSet<>();

  Tally(Side truth) {
    this.truth = truth;
  }

  /** The side that takes the writes. */
  Side truthSide() {
    return truth;
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

  /** Rows of a table with a key that could not be judged. */
  void inFlux(ComparedTable table, Collection<List<String>> keys) {
    inFlux(keys.size());
    synchronized (unjudged) {
      int room = RowsInFlux.MOST - unjudged.values().stream().mapToInt(Set::size).sum();
      if (room > 0 && !keys.isEmpty()) {
        Set<List<String>> own = unjudged.computeIfAbsent(table, none -> new LinkedHashSet<>());
        keys.stream().limit(Math.min(room, RowsInFlux.MOST_OF_ONE - own.size())).forEach(own::add);
      }
    }
  }

  /**
   * The first of the rows that could not be judged, by their keys. Of a table with a row that
   * differs for good there are none: that is known already, and people decide what becomes of it.
   */
  Map<ComparedTable, List<List<String>>> unjudged() {
    synchronized (findings) {
      synchronized (unjudged) {
        Map<ComparedTable, List<List<String>>> rows = new LinkedHashMap<>();
        unjudged.forEach((table, keys) -> rows.put(table, List.copyOf(keys)));
        rows.keySet().removeIf(table -> damaged.contains(table.label()));
        return rows;
      }
    }
  }

  void difference(String finding) {
    differences.incrementAndGet();
    synchronized (findings) {
      findings.add(finding);
      if (findings.size() > FINDINGS) {
        findings.pollLast();
      }
    }
  }

  /** A row that differs, which is a difference. */
  void finding(String finding, DifferingRow row) {
    difference(finding);
    synchronized (findings) {
      differingRows++;
      damaged.add(row.table());
      differing.put(finding, row);
      if (differing.size() > ROWS) {
        differing.pollLastEntry();
      }
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

  VerificationReport report(Instant at, RowHash hash) {
    synchronized (findings) {
      synchronized (notCompared) {
        return new VerificationReport(
            at,
            tables.get(),
            rows.get(),
            differences.get(),
            inFlux.get(),
            List.copyOf(findings),
            bounded(notCompared),
            stale.stream().toList(),
            hash.word(),
            truth,
            differingRows,
            differing());
      }
    }
  }

  private List<DifferingRow> differing() {
    List<DifferingRow> kept = new ArrayList<>();
    long bytes = 0;
    for (DifferingRow row : differing.values()) {
      DifferingRow shown = kept.size() < REPAIRS ? row : row.withoutRepair();
      bytes += shown.length();
      if (bytes > ROWS_BYTES) {
        return kept;
      }
      kept.add(shown);
    }
    return kept;
  }

  private static List<String> bounded(Set<String> lines) {
    List<String> kept = new ArrayList<>(lines.stream().limit(NOT_COMPARED).toList());
    if (lines.size() > NOT_COMPARED) {
      kept.add("and %d more objects".formatted(lines.size() - NOT_COMPARED));
    }
    return List.copyOf(kept);
  }
}
