package dev.whimbrel.postgres;

import dev.whimbrel.activity.CopyRequest;
import dev.whimbrel.activity.CopyShare;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.ThrottleSpec;
import dev.whimbrel.secrets.Secrets;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Somebody who copies, in a process of its own; begins when it is told to go on. */
final class CopierProcess extends JavaChild {
  CopierProcess(CopyRequest request) {
    super(
        Map.of(),
        List.of(
            request.move().migration(),
            request.move().source().url(),
            request.move().target().url(),
            Integer.toString(request.generation()),
            rate(request.move().throttle())));
  }

  private static String rate(@Nullable ThrottleSpec throttle) {
    return throttle == null || throttle.rate() == null ? "" : throttle.rate();
  }

  /** Copies: migration, urls, number of the snapshot, bytes a second. */
  public static void main(String[] arguments) throws IOException {
    Move move =
        new Move(
            arguments[0],
            new PostgresSpec(arguments[1], null, null, null),
            new PostgresSpec(arguments[2], null, null, null),
            List.of(Connect.MANUAL),
            List.of(),
            4,
            Duration.ofSeconds(1),
            arguments[4].isEmpty() ? null : new ThrottleSpec(arguments[4], null),
            null,
            null);
    System.out.println("READY");
    int unused = System.in.read();
    try {
      CopyShare share =
          new PostgresCopy(new Secrets(), Pace.USUAL, 2 * 8192)
              .copyPieces(new CopyRequest(move, Integer.parseInt(arguments[3])));
      System.out.println("DONE " + share.pieces() + " " + share.snapshotLost());
    } catch (RuntimeException e) {
      System.out.println("FAILED " + e.getMessage());
    }
    System.exit(0);
  }
}
