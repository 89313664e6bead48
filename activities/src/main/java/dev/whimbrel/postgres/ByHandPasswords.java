package dev.whimbrel.postgres;

import dev.whimbrel.runbook.Connect;
import dev.whimbrel.runbook.PostgresSpec;
import dev.whimbrel.runbook.PostgresUrl;
import dev.whimbrel.runbook.Runbook;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes the lines for a shell that let {@code psql} find the passwords which a runbook names. */
final class ByHandPasswords {
  private ByHandPasswords() {}

  /**
   * Lines that make a password file and name it to psql; null where the runbook has no password.
   */
  static @Nullable String file(Runbook runbook) {
    Set<String> lines = new LinkedHashSet<>();
    for (PostgresSpec side :
        new PostgresSpec[] {runbook.source().postgres(), runbook.target().postgres()}) {
      add(side.url(), side.password(), lines);
    }
    for (Connect connect : runbook.connect()) {
      Connect.PgBouncer pooler = connect.pgbouncer();
      if (pooler != null) {
        add(pooler.admin(), pooler.password(), lines);
      }
    }
    return lines.isEmpty() ? null : "export PGPASSFILE=$(mktemp)\n" + String.join("\n", lines);
  }

  private static void add(String url, @Nullable String reference, Set<String> lines) {
    String word = reference == null ? null : word(reference);
    if (word == null) {
      return;
    }
    PostgresUrl where = PostgresUrl.parse(url);
    // psql reads : and \ in a password file as its own marks.
    lines.add(
        "printf '%%s:%%s:*:%%s:%%s\\n' %s %d %s \"$(printf %%s %s | sed 's/[\\\\:]/\\\\&/g')\" >> \"$PGPASSFILE\""
            .formatted(
                ByHand.shell(where.host().replace(":", "\\:")),
                where.port(),
                ByHand.shell(where.user()),
                word));
  }

  /** A word of the shell that is the password, without it standing there. */
  private static @Nullable String word(String reference) {
    if (reference.startsWith("env:")) {
      return "\"$" + reference.substring("env:".length()) + "\"";
    }
    if (reference.startsWith("file:")) {
      return "\"$(head -n 1 " + ByHand.shell(reference.substring("file:".length())) + ")\"";
    }
    return reference.startsWith("command:")
        ? "\"$(" + reference.substring("command:".length()).trim() + " | head -n 1)\""
        : null;
  }
}
