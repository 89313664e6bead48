package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.Selection.Relation;
import dev.whimbrel.runbook.StageSpec;
import dev.whimbrel.runbook.TablePattern;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which tables are copied in which stage, as the source's catalog is now. A table belongs to the
 * first stage of which a pattern finds it, a partition to its root's; what no stage names comes
 * last. Stages without tables are none.
 */
final class Stages {
  private static final String TABLES =
      """
      SELECT c.oid::bigint, c.relkind = 'r', coalesce(pg_catalog.pg_table_size(c.oid), 0)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND %s AND %s""";

  private final Selection selection;
  private final List<List<TablePattern>> patterns;
  private final Map<Long, Size> sizes;

  private Stages(Selection selection, List<List<TablePattern>> patterns, Map<Long, Size> sizes) {
    this.selection = selection;
    this.patterns = patterns;
    this.sizes = sizes;
  }

  private record Size(boolean holdsRows, long bytes) {}

  /**
   * Tables that come together.
   *
   * @param named whether the runbook names them, and not the rest
   * @param tables all of them, partitions and their roots among them
   * @param count how many hold rows
   * @param bytes their size on the source, without indexes
   */
  record Stage(boolean named, List<Relation> tables, int count, long bytes) {
    /** Those that go with no other. */
    List<Relation> leading() {
      return tables.stream().filter(table -> !table.follows()).toList();
    }
  }

  /** Asks the source. */
  static Stages of(Move move, Connection source) throws SQLException {
    Selection selection = Selection.whole(move, source);
    Map<Long, Size> sizes = new HashMap<>();
    try (Statement statement = source.createStatement();
        ResultSet rows =
            statement.executeQuery(
                TABLES.formatted(PublishedTables.OF_THE_SERVICE, selection.movesRows()))) {
      while (rows.next()) {
        sizes.put(rows.getLong(1), new Size(rows.getBoolean(2), rows.getLong(3)));
      }
    }
    List<List<TablePattern>> patterns =
        move.stages().stream().map(StageSpec::tables).map(Selection::patterns).toList();
    return new Stages(selection, patterns, sizes);
  }

  /** The stages that hold anything, in their order. */
  List<Stage> stages() {
    List<List<Relation>> tables = new ArrayList<>();
    for (int i = 0; i <= patterns.size(); i++) {
      tables.add(new ArrayList<>());
    }
    for (Relation table : staged()) {
      tables.get(stageOf(table)).add(table);
    }
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i < tables.size(); i++) {
      if (!tables.get(i).isEmpty()) {
        stages.add(stage(i < patterns.size(), tables.get(i)));
      }
    }
    return List.copyOf(stages);
  }

  private Stage stage(boolean named, List<Relation> tables) {
    List<Size> all =
        tables.stream().map(table -> sizes.getOrDefault(table.oid(), NOTHING)).toList();
    return new Stage(
        named,
        List.copyOf(tables),
        (int) all.stream().filter(Size::holdsRows).count(),
        all.stream().mapToLong(Size::bytes).sum());
  }

  private static final Size NOTHING = new Size(false, 0);

  /** Tables whose rows are copied. */
  List<Relation> staged() {
    return selection.all().stream().filter(each -> sizes.containsKey(each.oid())).toList();
  }

  /** From 0; the one behind the last for what no stage names. */
  int stageOf(Relation table) {
    Relation leading = selection.leading(table);
    for (int i = 0; i < patterns.size(); i++) {
      if (leading.matchesAny(patterns.get(i))) {
        return i;
      }
    }
    return patterns.size();
  }

  /** The patterns of each stage, as the runbook has them. */
  List<List<TablePattern>> patterns() {
    return patterns;
  }

  /** What is known of the source's relations. */
  Selection selection() {
    return selection;
  }
}
