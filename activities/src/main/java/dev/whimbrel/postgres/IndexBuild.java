package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.postgres.CopyList.Piece;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;

/**
 * Builds one index so that nobody is needed for it: one message holds everything from the lock on
 * the piece to the record that it is done, and is one transaction. A server that has read it goes
 * on to the commit though the client has died, if it does not look for the client and has nothing
 * to say to it meanwhile. Nobody builds the index a second time: the piece is locked, and whoever
 * looks for work waits until it is done.
 *
 * <p>Its session has a name of its own: {@link CopySessions#endBuilds} ends it, for a table that
 * begins anew and for the undo; one that is idle has nothing to build and ends with the others.
 */
final class IndexBuild {
  /** Nobody else's: class and state are free for applications. */
  private static final String NOT_TO_BE_TAKEN = "WB001";

  private final Connection target;
  private final CopySessions sessions;
  private final Move move;

  IndexBuild(Connection target, CopySessions sessions, Move move) {
    this.target = target;
    this.sessions = sessions;
    this.move = move;
  }

  /** How the name of every session begins that builds an index; the piece's number follows. */
  static String applicationNames(Move move) {
    return Names.applicationName(move.migration(), "build") + " ";
  }

  /**
   * Builds it and marks the piece as done; false where that has been done, or somebody else is at
   * it. Outside of a transaction.
   *
   * @throws SQLException after which the session cannot be used any more
   */
  boolean run(Piece piece) throws SQLException {
    target.setAutoCommit(true);
    CopySessions.leaveAlone(target, applicationNames(move) + piece.id());
    boolean built = build(piece);
    sessions.attend(target);
    target.setAutoCommit(false);
    return built;
  }

  private boolean build(Piece piece) throws SQLException {
    try {
      Verbatim.execute(target, message(piece));
      return true;
    } catch (SQLException e) {
      if (SqlFailures.is(e, NOT_TO_BE_TAKEN)) {
        return false;
      }
      throw e;
    }
  }

  /**
   * The piece is taken first, so that nobody waits for a lock on the table in vain. Whether its
   * rows are complete is asked last: the table may have begun anew before the build locked it.
   */
  private String message(Piece piece) {
    return String.join(
        "\n;\n",
        CopyList.taking(piece, move.migration(), NOT_TO_BE_TAKEN),
        Objects.requireNonNull(piece.sql()),
        CopyList.needingRows(piece, NOT_TO_BE_TAKEN),
        Ledger.recording(move.migration(), List.of(Objects.requireNonNull(piece.entry())), ""),
        CopyList.marking(piece, 0));
  }
}
