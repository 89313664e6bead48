package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.activity.VerifyRequest;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;

/** A source that is closed, and its copy: what differs, differs for good. */
final class ClosedSides implements ComparedSides {
  private final LiveSides sides;

  ClosedSides(Databases databases, VerifyRequest request) {
    this.sides = new LiveSides(databases, request);
  }

  @Override
  public Side truth() {
    return sides.truth();
  }

  /** Large objects do, on which no closing can stand: passes bring them. */
  @Override
  public boolean goesOn() {
    return true;
  }

  @Override
  public Pair open() throws SQLException {
    return sides.open();
  }

  /** Nothing is behind; a source that has opened meanwhile must not pass for damage. */
  @Override
  public StreamPoint stream() throws SQLException {
    Pair pair = sides.open();
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

  @Override
  public Move move() {
    return sides.move();
  }

  @Override
  public Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException {
    return sides.read(connection, selection, kinds);
  }

  @Override
  public String whatOfSequences() {
    return sides.whatOfSequences();
  }
}
