package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.TablesSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a clone does not hold, or not as its source does, in words. */
final class LeftOutOfClone {
  private static final String SELECT =
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
          + " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
          + PublishedTables.LOGGED_OR_NOT
          + " AND ";

  private LeftOutOfClone() {}

  static List<String> of(Move move, Connection source) throws SQLException {
    List<String> left = new ArrayList<>(byTheRunbook(move.tables()));
    Selection selection = Selection.of(move, source);
    String moving = SELECT + selection.moves() + " AND ";
    left.add(
        "values of sequences: no snapshot holds them; they were read when the rows were in, and are never lower than these need");
    if (CloneOpener.isStandby(source)) {
      add(
          left,
          source,
          SELECT + selection.movesRows() + " AND c.relkind = 'r' AND c.relpersistence = 'u'",
          "%s: unlogged, no standby has its rows");
      add(
          left,
          source,
          moving + "c.relkind = 'S' AND c.relpersistence = 'u'",
          "%s: an unlogged sequence, no standby has its value");
    }
    add(left, source, moving + "c.relkind = 'f'", "%s: a foreign table, its rows live elsewhere");
    add(
        left,
        source,
        SELECT
            + "c.relkind = 'i' AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND NOT i.indisvalid AND "
            + selection.moves("i.indrelid")
            + ")",
        "%s: an invalid index");
    add(
        left,
        source,
        "SELECT quote_ident(extname) FROM pg_extension WHERE extconfig IS NOT NULL",
        "rows that extension %s keeps");
    add(left, source, "SELECT quote_ident(pubname) FROM pg_publication", "publication %s");
    add(
        left,
        source,
        "SELECT quote_ident(subname) FROM pg_subscription WHERE subdbid ="
            + " (SELECT oid FROM pg_database WHERE datname = current_database())",
        "subscription %s");
    return left;
  }

  private static List<String> byTheRunbook(@Nullable TablesSpec tables) {
    List<String> left = new ArrayList<>();
    if (tables != null && !tables.leftOut().isEmpty()) {
      left.add("by the runbook: " + tables.leftOut());
    }
    if (tables != null && !tables.excludeData().isEmpty()) {
      left.add("by the runbook, the rows of " + String.join(", ", tables.excludeData()));
    }
    return left;
  }

  private static void add(List<String> left, Connection source, String sql, String words)
      throws SQLException {
    for (String name : PublishedTables.names(source, sql)) {
      left.add(words.formatted(name));
    }
  }
}
