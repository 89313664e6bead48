package dev.whimbrel.postgres;

import dev.whimbrel.activity.VerifyRequest;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

/**
 * A source that is closed, and its copy: what differs, differs for good. It goes on none the less:
 * no closing can stand on large objects, which passes bring.
 */
final class ClosedSides extends LiveSides {
  ClosedSides(Databases databases, VerifyRequest request) {
    super(databases, request);
  }

  /** Nothing is behind; a source that has opened meanwhile must not pass for damage. */
  @Override
  public StreamPoint stream() throws SQLException {
    Pair pair = open();
    return new StreamPoint() {
      @Override
      public synchronized void pass() throws SQLException {
        ClosedCopy.mustHold(move(), pair.truth());
      }

      @Override
      public void close() throws SQLException {
        pair.close();
      }
    };
  }

  /** Every row is judged at once. */
  @Override
  public void keep(Map<ComparedTable, List<List<String>>> unjudged) {}
}
