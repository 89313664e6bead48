package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * Which tables of the source a stream carries: every logged table whose rows move, but those of
 * extensions, which the extension fills itself on the target. Of partitioned tables the root is
 * listed, so that a partition that appears later stops the stream instead of being left out
 * silently.
 */
final class PublishedTables {
  /**
   * A condition on {@code pg_class c} joined with {@code pg_namespace n}: logged or not, but not
   * temporary.
   */
  static final String LOGGED_OR_NOT =
      "c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN"
          + " ('information_schema', 'whimbrel') AND NOT EXISTS (SELECT FROM pg_depend e"
          + " WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

  /** The same without what no stream carries. */
  static final String OF_THE_SERVICE = "c.relpersistence = 'p' AND " + LOGGED_OR_NOT;

  /** A condition on {@code pg_class c}: UPDATE and DELETE can name the row they change. */
  static final String HAS_IDENTITY =
      "(c.relreplident = 'f' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid"
          + " AND i.indisvalid AND i.indimmediate"
          + " AND (c.relreplident = 'd' AND i.indisprimary"
          + " OR c.relreplident = 'i' AND i.indisreplident)))";

  private static final String ROOTS = "c.relkind IN ('r', 'p') AND NOT c.relispartition";

  private static final String HOLDS_ROWS = "c.relkind = 'r'";

  private static final String FROM =
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n"
          + " ON n.oid = c.relnamespace WHERE ";

  private PublishedTables() {}

  /** Names to list in the publication, quoted, without Whimbrel's own. */
  static List<String> roots(Connection source, Selection selection) throws SQLException {
    return moving(source, ROOTS, selection);
  }

  /** Those of them that the publication does not list. */
  static List<String> unlisted(Connection source, String publication, Selection selection)
      throws SQLException {
    return moving(
        source,
        ROOTS
            + " AND NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p"
            + " ON p.oid = r.prpubid WHERE r.prrelid = c.oid AND p.pubname = "
            + Quoting.literal(publication)
            + ")",
        selection);
  }

  /** Tables that hold rows and whose rows move. */
  static List<String> holdingRows(Connection source, Selection selection) throws SQLException {
    return moving(source, HOLDS_ROWS, selection);
  }

  /** Tables that hold rows and whose UPDATE and DELETE would fail once they are published. */
  static List<String> withoutIdentity(Connection source, Selection selection) throws SQLException {
    return moving(source, HOLDS_ROWS + " AND NOT " + HAS_IDENTITY, selection);
  }

  /**
   * Refuses tables {@link #withoutIdentity}.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} naming them
   */
  static void requireIdentity(List<String> broken) {
    if (!broken.isEmpty()) {
      throw Failures.needsHelp(
          "Cannot publish: without a primary key, UPDATE and DELETE would fail on the source in "
              + String.join(", ", broken),
          "give each table a primary key or a replica identity, then retry",
          String.join(
              " ",
              broken.stream().map(t -> "ALTER TABLE " + t + " REPLICA IDENTITY FULL;").toList()));
    }
  }

  /** Tables whose rows move and that none of these publications carries. */
  static List<String> unpublished(Connection source, List<String> publications, Selection selection)
      throws SQLException {
    return moving(source, HOLDS_ROWS + " AND NOT " + carriedBy(publications), selection);
  }

  /** Tables that they carry and the runbook leaves out, wholly or their rows. */
  static List<String> publishedThough(
      Connection source, List<String> publications, Selection selection) throws SQLException {
    return selection.movesRows().equals("true")
        ? List.of()
        : names(
            source,
            FROM
                + HOLDS_ROWS
                + " AND NOT ("
                + selection.movesRows()
                + ") AND "
                + carriedBy(publications)
                + " ORDER BY 1");
  }

  /** Tables whose rows move and for which a condition on {@code pg_class c} holds. */
  private static List<String> moving(Connection source, String condition, Selection selection)
      throws SQLException {
    return names(
        source,
        FROM
            + condition
            + " AND "
            + OF_THE_SERVICE
            + " AND "
            + selection.movesRows()
            + " ORDER BY 1");
  }

  private static String carriedBy(List<String> publications) {
    return "EXISTS (SELECT FROM pg_publication_tables p WHERE p.pubname = "
        + anyOf(publications)
        + " AND p.schemaname = n.nspname AND p.tablename = c.relname)";
  }

  /** Tables that these publications carry. */
  static List<String> published(Connection source, List<String> publications) throws SQLException {
    return names(
        source,
        "SELECT DISTINCT format('%I.%I', schemaname, tablename) FROM pg_publication_tables WHERE pubname = "
            + anyOf(publications)
            + " ORDER BY 1");
  }

  /** What a name is compared with, so that it is one of these. */
  static String anyOf(List<String> names) {
    return names.size() == 1 ? Quoting.literal(names.get(0)) : "ANY (" + Quoting.array(names) + ")";
  }

  static List<String> names(Connection connection, String sql) throws SQLException {
    List<String> names = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return names;
  }
}
