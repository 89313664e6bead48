package dev.whimbrel.postgres;

import dev.whimbrel.activity.ClosingRequest;
import dev.whimbrel.activity.Move;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.secrets.Secrets;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Somebody who keeps a source closed, in a process of its own. */
final class KeeperProcess extends JavaChild {
  KeeperProcess(Move move, int number) {
    super(
        Map.of(),
        List.of(
            move.migration(), move.source().url(), move.target().url(), Integer.toString(number)));
  }

  /** Keeps a source closed: migration, urls, number of the closing. */
  public static void main(String[] arguments) {
    Move move =
        new Move(
                arguments[0],
                new PostgresSpec(arguments[1], null, null, null),
                new PostgresSpec(arguments[2], null, null, null),
                List.of(Connect.MANUAL),
                List.of(),
                4,
                Duration.ofSeconds(1))
            .closedFirst();
    try {
      System.out.println(
          "DONE "
              + new PostgresSourceClosing(new Secrets())
                  .keepClosed(
                      new ClosingRequest(
                          move, Integer.parseInt(arguments[3]), 1, Duration.ofHours(1))));
    } catch (RuntimeException e) {
      System.out.println("FAILED " + e.getMessage());
    }
    System.exit(0);
  }
}
