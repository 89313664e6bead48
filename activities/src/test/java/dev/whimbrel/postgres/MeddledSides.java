package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;

/** Sides of a comparison to which something happens whenever their tables are read. */
record MeddledSides(ComparedSides sides, Meddling meddling) implements ComparedSides {

  /** What happens. */
  interface Meddling {
    void happens() throws SQLException;
  }

  @Override
  public Side truth() {
    return sides.truth();
  }

  @Override
  public boolean goesOn() {
    return sides.goesOn();
  }

  @Override
  public Pair open() throws SQLException {
    return sides.open();
  }

  @Override
  public StreamPoint stream() throws SQLException {
    return sides.stream();
  }

  @Override
  public Move move() {
    return sides.move();
  }

  @Override
  public Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException {
    meddling.happens();
    return sides.read(connection, selection, kinds);
  }

  @Override
  public String whatOfSequences() {
    return sides.whatOfSequences();
  }
}
