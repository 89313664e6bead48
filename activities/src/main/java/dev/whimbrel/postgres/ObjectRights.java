package dev.whimbrel.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one side's role may do with large objects, and what there is.
 *
 * @param able whether the role may carry them, which only superusers may
 * @param present whether there are any
 * @param labelled whether some have security labels, which are not carried
 */
record ObjectRights(boolean able, boolean present, boolean labelled) {
  private static final Duration CALL = Duration.ofSeconds(10);

  private static final String LOOK =
      "SELECT r.rolsuper, EXISTS (SELECT FROM pg_largeobject_metadata), "
          + LargeObjectRows.LABELS
          + " FROM pg_roles r WHERE r.rolname = current_user";

  static ObjectRights of(Session side) throws SQLException {
    return of(side.rows(LOOK, CALL).get(0).get(0));
  }

  static ObjectRights of(Connection side) throws SQLException {
    return of(EarlyLargeObjects.ask(side, LOOK).get(0).get(0));
  }

  private static ObjectRights of(List<@Nullable String> row) {
    return new ObjectRights("t".equals(row.get(0)), "t".equals(row.get(1)), "t".equals(row.get(2)));
  }
}
