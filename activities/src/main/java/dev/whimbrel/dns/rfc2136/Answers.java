package dev.whimbrel.dns.rfc2136;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.dns.DnsProvider.Change;
import dev.whimbrel.dns.Mark;
import dev.whimbrel.runbook.DnsSpec;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.TSIGRecord;

/** Judges what a server answered to an update, in this one place. */
final class Answers {
  private final DnsSpec.Rfc2136 spec;
  private final String name;

  Answers(DnsSpec.Rfc2136 spec, String name) {
    this.spec = spec;
    this.name = name;
  }

  /**
   * What became of the update.
   *
   * @throws io.temporal.failure.ApplicationFailure where it was refused
   */
  Change judge(Message answer, boolean signed) {
    int rcode = answer.getRcode();
    return switch (rcode) {
      // An answer that nobody signed may come from anybody.
      case Rcode.NOERROR -> signed && !answer.isVerified() ? Change.UNKNOWN : Change.MADE;
      case Rcode.NXRRSET, Rcode.YXRRSET, Rcode.NXDOMAIN, Rcode.YXDOMAIN -> Change.CONFLICT;
      case Rcode.NOTAUTH -> throw notAuth(answer);
      case Rcode.REFUSED ->
          throw help(
              rcode,
              "allow the update for this key: A and AAAA of %s, TXT of %s"
                  .formatted(name, Mark.nameFor(name)),
              "update-policy { grant %s subdomain %s A AAAA TXT; };".formatted(keyName(), name));
      case Rcode.NOTZONE -> throw help(rcode, "correct dns.rfc2136.zone in the runbook", null);
      case Rcode.NOTIMP ->
          throw help(rcode, "write a server that takes updates under dns.rfc2136.server", null);
      case Rcode.SERVFAIL -> throw Failures.transientFailure(message(rcode, ""));
      default -> throw help(rcode, "look into the server's log, then retry", null);
    };
  }

  private RuntimeException notAuth(Message answer) {
    TSIGRecord tsig = answer.getTSIG();
    int error = tsig == null ? Rcode.NOERROR : tsig.getError();
    return switch (error) {
      case Rcode.BADTIME ->
          help(error, "set the clocks of the workers and of the DNS server", "chronyc tracking");
      case Rcode.BADKEY, Rcode.BADSIG ->
          help(
              error,
              "make name, algorithm and secret of the TSIG key the same on server and workers",
              null);
      default ->
          help(
              Rcode.NOTAUTH,
              "check that the server holds the zone, and that it knows the key",
              null);
    };
  }

  private RuntimeException help(int rcode, String remedy, @Nullable String command) {
    return Failures.needsHelp(message(rcode, " with key " + keyName()), remedy, command);
  }

  private String message(int rcode, String with) {
    String error = rcode >= Rcode.BADVERS ? Rcode.TSIGstring(rcode) : Rcode.string(rcode);
    return "Cannot change %s: DNS server %s answers %s to an update%s"
        .formatted(name, spec.server(), error, with);
  }

  private String keyName() {
    return spec.key() == null ? "none" : spec.key().name();
  }
}
