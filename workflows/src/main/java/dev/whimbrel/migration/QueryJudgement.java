package dev.whimbrel.migration;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.QueriesReport;
import dev.whimbrel.activity.QueriesReport.Result;
import dev.whimbrel.activity.QueriesReport.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What queries that were asked on both sides mean for a migration. */
final class QueryJudgement {
  private static final int SHOWN = 10;

  private QueryJudgement() {}

  private static boolean isWrong(Result result) {
    return result.verdict() == Verdict.DIFFERS || result.verdict() == Verdict.FAILS_ON_ONE;
  }

  /** Parks where the sides answer differently. */
  static void refuseDifferences(QueriesReport report) {
    List<Result> wrong = report.results().stream().filter(QueryJudgement::isWrong).toList();
    if (wrong.isEmpty()) {
      return;
    }
    throw Failures.needsHelp(
        "%s not answered alike by source and target:\n"
                .formatted(
                    wrong.size() == 1 ? "1 query is" : "%d queries are".formatted(wrong.size()))
            + wrong.stream()
                .limit(SHOWN)
                .map(QueryJudgement::words)
                .collect(Collectors.joining("\n"))
            + (wrong.size() > SHOWN ? "\nand %d more".formatted(wrong.size() - SHOWN) : ""),
        "Find out why, before anything else: ask both by hand. `whimbrel verify` says whether rows"
            + " differ; where none do, look at functions, extensions, collations and settings of"
            + " the target. A query whose answer changes by itself (now(), random(), LIMIT without"
            + " an order that is certain) should stand behind `-- compare: time only`: such a file"
            + " counts from the next start on. Then retry. A skip is shown in capitals at the"
            + " approval.",
        null);
  }

  /** {@code 12 queries: 10 answered alike, 2 not compared, 1 slower on the target}. */
  static String line(QueriesReport report) {
    List<String> parts = new ArrayList<>();
    long alike = count(report, Verdict.SAME) + count(report, Verdict.OTHER_ORDER);
    parts.add(alike + " answered alike");
    add(parts, count(report, Verdict.TIME_ONLY), "%d for their time only");
    add(parts, count(report, Verdict.NOT_COMPARED), "%d not compared");
    add(
        parts,
        report.results().stream().filter(QueryJudgement::isWrong).count(),
        "%d NOT ANSWERED ALIKE");
    add(parts, report.results().stream().filter(Result::slower).count(), "%d slower on the target");
    return "%s: %s"
        .formatted(
            report.results().size() == 1 ? "1 query" : report.results().size() + " queries",
            String.join(", ", parts));
  }

  private static void add(List<String> parts, long count, String words) {
    if (count > 0) {
      parts.add(words.formatted(count));
    }
  }

  private static long count(QueriesReport report, Verdict verdict) {
    return report.results().stream().filter(r -> r.verdict() == verdict).count();
  }

  /** What an approval should know; nothing where nothing was asked. */
  static List<String> evidence(@Nullable QueriesReport report) {
    if (report == null) {
      return List.of();
    }
    List<String> lines = new ArrayList<>();
    lines.add("Of " + line(report) + ".");
    for (Result result : report.results()) {
      if (result.verdict() == Verdict.OTHER_ORDER || result.verdict() == Verdict.NOT_COMPARED) {
        lines.add(words(result));
      } else if (isWrong(result)) {
        lines.add("NOT ANSWERED ALIKE: " + words(result));
      }
      if (result.slower()) {
        lines.add(slower(result));
      }
    }
    return List.copyOf(lines);
  }

  private static String words(Result result) {
    return "Query %s (line %d): %s"
        .formatted(result.name(), result.line(), result.note() == null ? "" : result.note());
  }

  private static String slower(Result result) {
    return String.format(
        Locale.ROOT,
        "Query %s (line %d) takes %.1f ms on the target and %.1f ms on the source%s",
        result.name(),
        result.line(),
        result.targetMillis(),
        result.sourceMillis(),
        result.verdict() == Verdict.SAME || result.verdict() == Verdict.TIME_ONLY
            ? (result.note() == null ? "" : ": " + result.note())
            : "");
  }
}
