package dev.whimbrel.postgres;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Of two passes at a time the one that began later goes on; the other one writes nothing more. */
final class LargeObjectTurn {
  /** SQLSTATE of a pass that somebody else has taken the place of, or that comes too late. */
  private static final String OVERTAKEN = "40001";

  /** SQLSTATE where the target had objects before this migration brought any. */
  private static final String OCCUPIED = "WB002";

  private final String migration;
  private final Side from;
  private final UUID turn = UUID.randomUUID();

  LargeObjectTurn(String migration, Side from) {
    this.migration = migration;
    this.from = from;
  }

  /**
   * Statements that begin it on the follower; the row is what the follower knows: the server, the
   * number, and whether it has objects.
   */
  String begin() {
    return LargeObjectFence.TABLES
        + """
        BEGIN;
        DO $$ BEGIN
          %s
          %s
          UPDATE whimbrel.large_object_pass SET turn = '%s';
        END $$;
        COMMIT;
        SELECT server, below, EXISTS (SELECT FROM pg_largeobject_metadata) FROM whimbrel.large_object_pass"""
            .formatted(mustFollow(), remembering(), turn);
  }

  /** PL/pgSQL that remembers, before the first object comes, that all there are will be ours. */
  String remembering() {
    return """
        IF NOT EXISTS (SELECT FROM whimbrel.large_object_pass) THEN
          IF %1$s AND EXISTS (SELECT FROM pg_largeobject_metadata) THEN
            RAISE EXCEPTION 'there are large objects' USING ERRCODE = '%2$s';
          END IF;
          INSERT INTO whimbrel.large_object_pass (turn) VALUES ('%3$s');
          IF %1$s AND to_regclass('whimbrel.created') IS NOT NULL THEN
            %4$s;
          END IF;
        END IF;
        """
        .formatted(
            from == Side.SOURCE,
            OCCUPIED,
            turn,
            Ledger.recording(
                migration,
                List.of("large objects"),
                "DELETE FROM whimbrel.large_object_pass;\n" + LargeObjectRows.REMOVE_ALL));
  }

  /** A statement that fails unless this pass is the newest, and writes still go to the truth. */
  String guard() {
    return """
        DO $$ BEGIN
          %s
          IF NOT EXISTS (SELECT FROM whimbrel.large_object_pass WHERE turn = '%s' FOR UPDATE) THEN
            RAISE EXCEPTION 'another pass has begun' USING ERRCODE = '%s';
          END IF;
        END $$;
        """
        .formatted(mustFollow(), turn, OVERTAKEN);
  }

  /** What a failure of these statements means, where it is one of theirs. */
  Optional<RuntimeException> failure(SQLException e) {
    if (SqlFailures.is(e, OCCUPIED)) {
      return Optional.of(
          Failures.needsHelp(
              "The target holds large objects that this migration has not brought",
              "remove them, or move into an empty database; then retry",
              "SELECT lo_unlink(oid) FROM pg_largeobject_metadata;"));
    }
    return SqlFailures.is(e, OVERTAKEN)
        ? Optional.of(
            Failures.transientFailure(
                "Another attempt brings the large objects now, or the preparation was taken back, or writes go to the "
                    + from.other().word()
                    + " already"))
        : Optional.empty();
  }

  /** The lock on the row keeps a hand-over out until this is committed. */
  private String mustFollow() {
    return "IF NOT EXISTS (SELECT FROM whimbrel.authority WHERE writable = '%s' AND NOT withdrawn FOR SHARE) THEN RAISE EXCEPTION 'this side does not follow' USING ERRCODE = '%s'; END IF;"
        .formatted(from.word(), OVERTAKEN);
  }
}
