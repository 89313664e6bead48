package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Large objects of a clone: all of them, as its snapshot shows them. */
final class CloneObjects {
  private CloneObjects() {}

  /**
   * Brings them in the target's open transaction, so that a later attempt finds all or none.
   *
   * @param source sees the snapshot
   * @return what was brought, or an empty text where there is nothing
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} where the rights do not
   *     suffice
   */
  static String bring(Connection source, SchemaSession target) throws SQLException {
    ObjectRights here = ObjectRights.of(source);
    if (!here.present()) {
      return "";
    }
    if (!here.able() || !ObjectRights.of(target.connection()).able()) {
      throw Failures.needsHelp(
          EarlyLargeObjects.NOT_ABLE, LargeObjectChecks.NOT_ABLE_FIX + "; then clone again", null);
    }
    target.ledger().record(List.of("large objects"), LargeObjectRows.REMOVE_ALL);
    EarlyLargeObjects.ask(source, LargeObjectRows.declare(null, true));
    long rows = 0;
    while (true) {
      List<List<@Nullable String>> some =
          EarlyLargeObjects.ask(source, LargeObjectRows.fetch()).get(0);
      target.execute(LargeObjectRows.write(some));
      rows += some.size();
      Heartbeats.beat(LargeObjectPass.progress(rows));
      if (some.size() < LargeObjectRows.TOGETHER) {
        return "; %,d rows of large objects copied".formatted(rows);
      }
    }
  }
}
