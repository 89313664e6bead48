package dev.whimbrel.checks;

import dev.whimbrel.activity.Finding;
import dev.whimbrel.activity.Side;
import dev.whimbrel.runbook.CanarySpec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Opens a session at one side and uses it at the other, by its cookies, both ways. */
final class CanarySessions {
  private static final String CHECK = "canary-session";

  private final Stacks stacks;
  private final URI open;
  private final URI use;

  CanarySessions(Stacks stacks, CanarySpec.Session session) {
    this.stacks = stacks;
    this.open = HttpProbe.url(session.open());
    this.use = HttpProbe.url(session.use());
  }

  /** What stands in the way; empty when sessions work at every address of the other side. */
  List<Finding> look() {
    List<Finding> findings = new ArrayList<>();
    for (Side opened : Side.values()) {
      look(opened, findings);
    }
    withoutSession().ifPresent(findings::add);
    return findings;
  }

  private void look(Side opened, List<Finding> findings) {
    InetAddress there = stacks.of(opened).get(0);
    HttpAnswer session;
    try {
      session = stacks.ask(open, there, List.of());
    } catch (IOException e) {
      findings.add(
          blocker(there, "no session can be opened at %s: %s.".formatted(open, e.getMessage())));
      return;
    }
    if (session.status() >= 400 || session.setCookies().isEmpty()) {
      findings.add(
          blocker(
              there,
              "expected %s to open a session by a cookie, found status %d and %d cookies."
                  .formatted(open, session.status(), session.setCookies().size())));
      return;
    }
    for (InetAddress here : stacks.of(opened.other())) {
      String what =
          "a session opened at the %s (%s) does not work at the %s: expected %s to answer below 400, found "
              .formatted(opened.word(), there.getHostAddress(), opened.other().word(), use);
      try {
        HttpAnswer answer = stacks.ask(use, here, session.cookieHeader());
        if (answer.status() >= 400) {
          findings.add(blocker(here, what + "status %d.".formatted(answer.status())));
        }
      } catch (IOException e) {
        findings.add(blocker(here, what + e.getMessage() + "."));
      }
    }
  }

  /** A page that answers anybody would prove nothing about sessions. */
  private Optional<Finding> withoutSession() {
    InetAddress here = stacks.of(Side.TARGET).get(0);
    try {
      int status = stacks.ask(use, here, List.of()).status();
      return status >= 400
          ? Optional.empty()
          : Optional.of(
              new Finding(
                  Finding.Level.WARNING,
                  CHECK,
                  here.getHostAddress(),
                  "%s answers %d without a session too, so that it proves nothing about sessions."
                      .formatted(use, status),
                  "name a URL under validate.canary.session.use that is refused without a session."));
    } catch (IOException e) {
      return Optional.empty(); // the same address was asked within a session, and that was said
    }
  }

  private static Finding blocker(InetAddress at, String message) {
    return new Finding(
        Finding.Level.BLOCKER,
        CHECK,
        at.getHostAddress(),
        message,
        "let both stacks share the store and the keys of their sessions.");
  }
}
