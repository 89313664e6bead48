package dev.whimbrel.postgres;

import dev.whimbrel.activity.Progress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Fills the target's materialized views that are filled on the source. */
final class MaterializedViews {
  private static final String NOT_YET_POPULATED = "55000";
  private static final String VIEWS =
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n"
          + " ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated = ? ORDER BY 1";

  private MaterializedViews() {}

  /**
   * Refreshes what is empty. A view over another materialized view waits for that one.
   *
   * @param target a connection without autocommit
   * @return how many were refreshed
   */
  static int refresh(Connection source, Connection target) throws SQLException {
    List<String> waiting = names(target, false);
    waiting.retainAll(names(source, true));
    int refreshed = 0;
    while (!waiting.isEmpty()) {
      List<String> stillWaiting = new ArrayList<>();
      for (String view : waiting) {
        if (refresh(target, view, waiting.size() > 1)) {
          refreshed++;
        } else {
          stillWaiting.add(view);
        }
      }
      if (stillWaiting.size() == waiting.size()) {
        refresh(target, stillWaiting.get(0), false);
      }
      waiting = stillWaiting;
    }
    return refreshed;
  }

  private static boolean refresh(Connection target, String view, boolean mayWait)
      throws SQLException {
    Savepoint before = target.setSavepoint();
    try (Statement statement = target.createStatement()) {
      Heartbeats.during(
          Progress.of("refreshing materialized view " + view),
          target,
          () -> statement.execute("REFRESH MATERIALIZED VIEW " + view));
      target.commit();
      return true;
    } catch (SQLException e) {
      if (!mayWait || !SqlFailures.is(e, NOT_YET_POPULATED)) {
        throw SqlFailures.of("Cannot refresh materialized view " + view + " on the target", e);
      }
      target.rollback(before);
      return false;
    }
  }

  private static List<String> names(Connection connection, boolean populated) throws SQLException {
    List<String> names = new ArrayList<>();
    try (var query = connection.prepareStatement(VIEWS)) {
      query.setBoolean(1, populated);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          names.add(rows.getString(1));
        }
      }
    }
    return names;
  }
}
