package dev.whimbrel.postgres;

import dev.whimbrel.activity.PreflightReport.DatabaseUser;
import dev.whimbrel.activity.Side;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Who uses the source, and who of them would be left alone by a move to the target. */
final class UserChecks {
  private static final int SAMPLES = 5;
  private static final Duration BETWEEN = Duration.ofMillis(200);

  private final Look look;
  private final Findings findings;
  private final UserSampling sampling;

  UserChecks(Look look, Findings findings, Databases databases) {
    this.look = look;
    this.findings = findings;
    this.sampling = new UserSampling(look, databases, findings);
  }

  /** Samples the source for a second, and finds the writers that would be left alone. */
  List<DatabaseUser> run() throws SQLException {
    SeenUsers users = new SeenUsers();
    sample(users);
    users.all().forEach(this::judge);
    return users.all();
  }

  /** As {@link #run}, together with those who were seen before and can still log in. */
  List<DatabaseUser> runWith(List<DatabaseUser> before) throws SQLException {
    SeenUsers users = new SeenUsers();
    Set<String> roles = new HashSet<>();
    look.rows(
            Side.SOURCE,
            "SELECT rolname FROM pg_roles WHERE rolcanlogin"
                + " AND has_database_privilege(oid, current_database(), 'CONNECT')")
        .forEach(row -> roles.add(row.text(1)));
    before.stream().filter(user -> roles.contains(user.role())).forEach(users::add);
    sample(users);
    users.all().forEach(this::judge);
    return users.all();
  }

  private void sample(SeenUsers users) throws SQLException {
    for (int sample = 0; sample < SAMPLES; sample++) {
      if (sample > 0) {
        Pause.of(BETWEEN);
      }
      sampling.sessions(users);
    }
  }

  static boolean isLeftAlone(DatabaseUser user) {
    return user.follows().equals(UserSampling.NOTHING);
  }

  private void judge(DatabaseUser user) {
    String subject = user.role() + " at " + user.address();
    String application = user.application().isEmpty() ? "" : " (" + user.application() + ")";
    if (!isLeftAlone(user)) {
      findings.note(
          "user", subject, "uses the source" + application + "; follows by " + user.follows());
    } else if (user.writes()) {
      findings.blocker(
          "writer-left-alone",
          subject,
          "can write to the source" + application + ", and nothing makes it follow.",
          "in the runbook: connect: [manual], or a connect entry that covers it, or leftBehind:"
              + " [{role: "
              + user.role()
              + ", because: \"…\"}]");
    } else {
      findings.warning(
          "reader-left-alone",
          subject,
          "reads from the source" + application + ", and nothing makes it follow.",
          "add a connect entry that covers it");
    }
  }
}
