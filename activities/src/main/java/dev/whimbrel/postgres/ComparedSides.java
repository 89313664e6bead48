package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

/** Two sides that are compared, and what lies between them. */
interface ComparedSides extends Crew.Opener {
  /** The side that is right where they differ. */
  Side truth();

  /** A session on each of them, in which a value's text means the same. */
  @Override
  Pair open() throws SQLException;

  /** Whether the truth goes on, so that the follower may be behind. */
  boolean goesOn();

  /** What the follower waits for before it is looked at once more. */
  StreamPoint stream() throws SQLException;

  /** The move that lies between them. */
  Move move();

  /** What moves of a side's tables, or with {@code "m"} materialized views, by its name. */
  Map<String, TableShape> read(Connection connection, Selection selection, String... kinds)
      throws SQLException;

  /**
   * Keeps rows that could not be judged, by their keys, for whoever can stop those who write them.
   */
  default void keep(Map<ComparedTable, List<List<String>>> unjudged) throws SQLException {}

  /** Why the value of a sequence may be behind on the follower, in words. */
  String whatOfSequences();
}
