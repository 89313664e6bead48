package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.Runbook;
import dev.whimbrel.secrets.Secrets;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Says which database is the truth, and how to go either way by hand, without Temporal: for the
 * night on which the engine is gone. Reads both databases and changes nothing.
 */
public final class Inspection {
  /** A switchover may pass between the look at one side and the look at the other. */
  private static final int LOOKS = 3;

  private final Secrets secrets;

  /** Inspects with these secrets. */
  public Inspection(Secrets secrets) {
    this.secrets = secrets;
  }

  /** Looks at both databases. A side that cannot be read is part of the answer. */
  public Inspected look(Runbook runbook) {
    SideLook look = new SideLook(new Databases(secrets), secrets, runbook.name());
    SideState source = look.at(Side.SOURCE, runbook.source().postgres(), null);
    SideState target = look.at(Side.TARGET, runbook.target().postgres(), marker(source));
    for (int i = 1; i < LOOKS && source.seen() != null && target.seen() != null; i++) {
      SideState again = look.at(Side.SOURCE, runbook.source().postgres(), marker(target));
      boolean still = Objects.equals(source.row(), again.row());
      source = again;
      if (still) {
        break;
      }
      target = look.at(Side.TARGET, runbook.target().postgres(), marker(source));
    }
    return new InspectionJudgement(runbook, source, target, UUID.randomUUID()).inspected();
  }

  /** The marker that a side left when it handed over to the other. */
  private static @Nullable UUID marker(SideState state) {
    Authority.Row row = state.row();
    return row == null || row.writable() == state.side() ? null : row.marker();
  }
}
