package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import java.sql.Connection;
import java.sql.SQLException;

/**
 * Asks a catalog about what moves. What does not may be made and dropped at any moment, and what
 * was made behind the look at the choice would pass for something that moves.
 */
final class Settled {
  /** A job that makes tables faster than this can be asked is met by whoever looks next. */
  private static final int TRIES = 5;

  private Settled() {}

  /** What is asked of a side's catalog. */
  interface Question<T> {
    T ask(Selection selection) throws SQLException;
  }

  /** The answer between two looks at the choice that have seen the same. */
  static <T> T ask(Side side, Move move, Connection database, Question<T> question)
      throws SQLException {
    Selection selection = Selection.on(side, move, database);
    T answer = question.ask(selection);
    for (int tries = 1; tries < TRIES && selection != Selection.EVERYTHING; tries++) {
      Selection after = Selection.on(side, move, database);
      if (after.leftOut().equals(selection.leftOut())) {
        return answer;
      }
      selection = after;
      answer = question.ask(selection);
    }
    return answer;
  }
}
