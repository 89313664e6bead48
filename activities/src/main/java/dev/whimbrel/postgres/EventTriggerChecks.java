package dev.whimbrel.postgres;

import dev.whimbrel.activity.Side;
import java.sql.SQLException;

/** Event triggers of the source, which fire for whatever is created on the target behind them. */
final class EventTriggerChecks {
  private final Look look;
  private final Findings findings;

  EventTriggerChecks(Look look, Findings findings) {
    this.look = look;
    this.findings = findings;
  }

  void run() throws SQLException {
    for (Look.Row row :
        look.rows(
            Side.SOURCE,
            "SELECT quote_ident(evtname), evtevent FROM pg_event_trigger"
                + " WHERE evtname !~ '^whimbrel_' AND evtenabled <> 'D'")) {
      String message = "is an event trigger (" + row.text(2) + "): it fires for Whimbrel's DDL too";
      if (look.isSuperuser(Side.TARGET)) {
        findings.warning("event-trigger", row.text(1), message + ".", null);
      } else {
        findings.blocker(
            "event-trigger",
            row.text(1),
            message + ", and only a superuser may create it on the target.",
            "DROP EVENT TRIGGER " + row.text(1) + ";");
      }
    }
  }
}
