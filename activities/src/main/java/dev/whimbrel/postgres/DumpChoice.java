package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.TablePattern;
import dev.whimbrel.runbook.TablesSpec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** What {@code pg_dump} is told to leave out of the schema, and whether it has. */
final class DumpChoice {
  private static final long PG_CLASS = 1259;

  private DumpChoice() {}

  /**
   * Patterns for what stays; the runbook's own too, for what is made between this look and {@code
   * pg_dump}'s. Of those, none that {@code pg_dump} could read otherwise on a worker whose locale
   * is not UTF-8, where a letter becomes a question mark, and none that means something which moves
   * because it goes with another table.
   */
  static Set<String> patterns(Move move, Selection selection) {
    Set<String> patterns = new TreeSet<>(ofWhatStays(selection));
    TablesSpec tables = move.tables();
    if (tables == null) {
      return patterns;
    }
    List<Selection.Relation> moving = selection.moving();
    for (TablePattern pattern : Selection.patterns(tables.exclude())) {
      boolean ascii = StandardCharsets.US_ASCII.newEncoder().canEncode(pattern.toString());
      if (ascii && moving.stream().noneMatch(each -> each.matches(pattern))) {
        patterns.add(pattern.toString());
      }
    }
    return patterns;
  }

  /** Patterns for what the catalog shows, some names of a schema each. */
  static List<String> ofWhatStays(Selection selection) {
    // A pattern is held against every name: many names in one take long.
    Set<String> mixed =
        selection.moving().stream().map(Selection.Relation::schema).collect(Collectors.toSet());
    Map<String, List<String>> schemas = new TreeMap<>();
    Set<String> patterns = new TreeSet<>();
    for (Selection.Relation relation : selection.leftOut()) {
      if (!mixed.contains(relation.schema())) {
        patterns.add(Quoting.identifier(relation.schema()) + ".*");
        continue;
      }
      schemas
          .computeIfAbsent(relation.schema(), schema -> new ArrayList<>())
          .add(Quoting.identifier(relation.name()));
    }
    schemas.forEach(
        (schema, names) -> {
          for (int from = 0; from < names.size(); from += 200) {
            List<String> some = names.subList(from, Math.min(names.size(), from + 200));
            patterns.add(Quoting.identifier(schema) + ".(" + String.join("|", some) + ")");
          }
        });
    return List.copyOf(patterns);
  }

  /**
   * A name that {@code pg_dump} does not find leaves nothing out, and it says nothing: made just
   * then, or sent in another encoding than UTF-8.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} naming what was not left out
   */
  static void check(SchemaArchive archive, Selection selection) {
    if (selection.leftOut().isEmpty()) {
      return;
    }
    Map<Long, Selection.Relation> staying =
        selection.leftOut().stream()
            .collect(Collectors.toMap(Selection.Relation::oid, relation -> relation));
    for (SchemaEntry entry : archive.entries("pre-data")) {
      Selection.Relation found = entry.catalog() == PG_CLASS ? staying.get(entry.oid()) : null;
      if (found != null) {
        throw Failures.transientFailure(
            "pg_dump has brought %s, which the runbook leaves out: made just then, or the worker's locale is not UTF-8 (LANG=C.UTF-8)"
                .formatted(found.label()));
      }
    }
  }
}
