package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import java.util.ArrayList;
import java.util.List;

/** Writes the steps by hand that make poolers, applications and names use a side. */
final class ByHandFollowers {
  private final Runbook runbook;

  ByHandFollowers(Runbook runbook) {
    this.runbook = runbook;
  }

  /** Makes the clients of the poolers wait rather than fail. */
  List<ByHandStep> pause() {
    List<ByHandStep> steps = new ArrayList<>();
    for (Connect connect : runbook.connect()) {
      Connect.PgBouncer pooler = connect.pgbouncer();
      if (pooler != null) {
        steps.add(
            new ByHandStep(
                "Pause the pooler: clients wait from here to its RESUME. Where it does not end within"
                    + " seconds, some transaction is open: stop it (Ctrl-C) and go on without",
                null,
                "psql %s -c 'PAUSE %s'"
                    .formatted(ByHand.shell(pooler.admin()), Quoting.identifier(pooler.database())),
                null,
                false));
      }
    }
    return steps;
  }

  /** Makes applications use a side, as the runbook says. */
  List<ByHandStep> follow(Side to) {
    PostgresUrl url =
        PostgresUrl.parse(
            (to == Side.SOURCE ? runbook.source() : runbook.target()).postgres().url());
    List<ByHandStep> steps = new ArrayList<>();
    for (Connect connect : runbook.connect()) {
      steps.add(follow(connect, to, url));
    }
    if (runbook.dns() != null && !runbook.dns().names().isEmpty()) {
      List<String> addresses =
          (to == Side.SOURCE ? runbook.source() : runbook.target()).addresses();
      steps.add(
          new ByHandStep(
              "Point %s to the %s's addresses: %s"
                  .formatted(
                      String.join(", ", runbook.dns().names()),
                      to.word(),
                      String.join(", ", addresses)),
              null,
              null,
              null,
              false));
    }
    return steps;
  }

  private ByHandStep follow(Connect connect, Side to, PostgresUrl url) {
    Connect.PgBouncer pooler = connect.pgbouncer();
    if (pooler != null) {
      String what =
          "In the pooler's file%s, let the entry %s say host=%s port=%d dbname=%s, then reload and resume"
              .formatted(
                  pooler.switchBy().file() == null ? "" : " " + pooler.switchBy().file(),
                  pooler.database(),
                  url.host(),
                  url.port(),
                  url.database());
      String command =
          "psql %s -c RELOAD -c 'RESUME %s'"
              .formatted(ByHand.shell(pooler.admin()), Quoting.identifier(pooler.database()));
      return new ByHandStep(what, null, command, null, false);
    }
    Connect.Command command = connect.command();
    if (command != null) {
      List<String> words = to == Side.TARGET ? command.doIt() : command.undo();
      return new ByHandStep(
          "Make the applications follow, as the runbook says",
          null,
          String.join(" ", words.stream().map(ByHand::shell).toList()),
          null,
          false);
    }
    String what = "Point the applications to %s (connect: manual)".formatted(url.where());
    return new ByHandStep(what, null, null, null, false);
  }
}
