package dev.whimbrel.runbook;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** How applications follow the database. */
final class ConnectRules {
  private final Runbook draft;
  private final Places places;

  ConnectRules(Runbook draft, Places places) {
    this.draft = draft;
    this.places = places;
  }

  void check() {
    List<Connect> connect = draft.connect();
    if (connect.isEmpty() && !places.has("connect[0]") && !places.doubtful("connect")) {
      places.report("connect", Missing.CONNECT);
    }
    entries();
  }

  /** The entries that there are, whether or not there has to be one. */
  void entries() {
    List<Connect> connect = draft.connect();
    Set<Connect> seen = new HashSet<>();
    for (int i = 0; i < connect.size(); i++) {
      String path = "connect[" + i + "]";
      if (!seen.add(connect.get(i))) {
        places.report(path, "the same entry stands here a second time.");
      }
      entry(path, connect.get(i));
    }
  }

  private void entry(String path, Connect entry) {
    if (entry.manual()) {
      return;
    }
    if (!places.has(path + ".manual")) {
      Problems.exactlyOne(places, path, List.of("pgbouncer", "dns", "command"));
    }
    if (entry.pgbouncer() != null) {
      pgbouncer(path + ".pgbouncer", entry.pgbouncer());
    }
    if (entry.command() != null) {
      Problems.notEmpty(places, path + ".command.do", entry.command().doIt());
      Problems.notEmpty(places, path + ".command.undo", entry.command().undo());
    }
    if (entry.dns() != null) {
      places.report(
          path + ".dns",
          "not built in this release: nothing would move the name. Use command, or manual where people"
              + " move it.");
    }
  }

  private void pgbouncer(String path, Connect.PgBouncer pgbouncer) {
    Problems.url(places, path + ".admin", pgbouncer.admin());
    Problems.reference(places, path + ".password", pgbouncer.password());
    Connect.Switch switchBy = pgbouncer.switchBy();
    if (switchBy == null) {
      return;
    }
    Problems.exactlyOne(places, path + ".switch", List.of("file", "command"));
    if (switchBy.file() != null && !switchBy.file().startsWith("/")) {
      places.report(
          path + ".switch.file",
          "expected an absolute path, found '"
              + switchBy.file()
              + "': workers run in other directories.");
    }
    if (switchBy.command() != null) {
      Problems.notEmpty(places, path + ".switch.command.do", switchBy.command().doIt());
      Problems.notEmpty(places, path + ".switch.command.undo", switchBy.command().undo());
    }
  }
}
