package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The tables that a subscription of the target's database knows: it passes by all others. */
final class SubscribedTables {
  private final List<Table> tables;

  private SubscribedTables(List<Table> tables) {
    this.tables = tables;
  }

  /** One of them, with names as they are. */
  private record Table(String schema, String name, String state) {}

  static SubscribedTables of(Connection target, String subscription) throws SQLException {
    List<Table> tables = new ArrayList<>();
    try (Statement statement = target.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "SELECT n.nspname, c.relname, r.srsubstate FROM pg_subscription_rel r"
                    + " JOIN pg_subscription s ON s.oid = r.srsubid"
                    + " JOIN pg_class c ON c.oid = r.srrelid"
                    + " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE s.subname = "
                    + Quoting.literal(subscription)
                    + " AND s.subdbid ="
                    + " (SELECT oid FROM pg_database WHERE datname = current_database())")) {
      while (rows.next()) {
        tables.add(new Table(rows.getString(1), rows.getString(2), rows.getString(3)));
      }
    }
    return new SubscribedTables(tables);
  }

  /** Those that PostgreSQL itself is still copying. */
  List<String> copied() {
    return tables.stream()
        .filter(table -> !table.state().equals("r"))
        .map(table -> table.schema() + "." + table.name())
        .toList();
  }

  /** All, as the source quotes them: what is a word of the language is so from some release on. */
  Set<String> quotedBy(Connection source) throws SQLException {
    return new TreeSet<>(
        PublishedTables.names(
            source,
            "SELECT format('%%I.%%I', t.s, t.n) FROM unnest(ARRAY[%s]::text[], ARRAY[%s]::text[]) AS t (s, n)"
                .formatted(
                    literals(tables.stream().map(Table::schema).toList()),
                    literals(tables.stream().map(Table::name).toList()))));
  }

  private static String literals(List<String> texts) {
    return texts.stream().map(Quoting::literal).collect(Collectors.joining(", "));
  }
}
