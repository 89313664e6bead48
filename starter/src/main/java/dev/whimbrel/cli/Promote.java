package dev.whimbrel.cli;

import dev.whimbrel.migration.RollbackRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code whimbrel promote}: the mirror of {@code rollback --accept-loss}. */
@Command(
    name = "promote",
    description = {
      "Go on with the target alone, because the source is lost for good before the hand-over was complete.",
      "Only while cutover.switchover is parked because the source cannot be reached."
    })
final class Promote extends Decide {
  @Option(
      names = {"-y", "--yes"},
      description = "do not ask")
  boolean yes;

  @Option(
      names = "--accept-loss",
      required = true,
      description = "accept that writes which the source had not sent are lost")
  boolean acceptLoss;

  Promote(Context context) {
    super(context);
  }

  @Override
  String update() {
    return "promote";
  }

  @Override
  Object request(Snapshot snapshot) {
    return new RollbackRequest(who(), reason, acceptLoss);
  }

  @Override
  String intent(Snapshot snapshot) {
    return "open the target for writes without the source, AND ACCEPT THE LOSS of what the source had"
        + " not sent. There is no way back to the source afterwards.";
  }

  @Override
  boolean agreed(Snapshot snapshot) {
    if (yes || !console().terminal()) {
      return true;
    }
    console().err().println(StatusText.headline(snapshot, console().zone()));
    snapshot.status().parked().forEach(parked -> console().err().println(parked.cause()));
    console().err().println("What it does: " + intent(snapshot));
    return console().confirms("Promote the target of " + name + "?");
  }
}
