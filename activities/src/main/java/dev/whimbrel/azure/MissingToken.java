package dev.whimbrel.azure;

import com.azure.core.exception.HttpResponseException;
import com.microsoft.aad.msal4j.MsalServiceException;
import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What it means that a call was never made, as whoever hands out tokens gave none for it. */
final class MissingToken {
  /** A managed identity's errors come as text alone, without the status that they had. */
  private static final Pattern PASSING =
      Pattern.compile("(?i)too.many.requests|throttl|server.error|unavailable|try again|transient");

  /** The chain names itself first, and then the one that it has stopped at. */
  private static final Pattern SOURCE = Pattern.compile("(\\w+Credential) authentication failed");

  private static final String CHAIN = "DefaultAzureCredential";
  private static final int THROTTLED = 429;
  private static final int BROKEN = 500;

  private MissingToken() {}

  /**
   * A failure to report.
   *
   * @param what the call in words
   * @param right what it would have needed
   */
  static RuntimeException judged(String what, AzureRight right, HttpResponseException e) {
    String source = source(String.valueOf(e.getMessage()));
    if (source.isEmpty()) {
      return Failures.needsHelp(
          what + ": Azure was not asked, as there are no credentials",
          "give the worker credentials that Azure's default chain finds; they need the role %s on %s"
              .formatted(right.role(), right.scope()),
          "az login");
    }
    for (Throwable each = e; each != null; each = each.getCause()) {
      if (each instanceof MsalServiceException said) {
        String message = "%s: %s got no token: %s".formatted(what, source, words(said));
        return mayPass(said) ? Failures.transientFailure(message) : denied(message, source, right);
      }
      if (each instanceof IOException || each instanceof TimeoutException) {
        return Failures.transientFailure(
            "%s: %s got no token: whoever hands them out does not answer".formatted(what, source));
      }
    }
    return denied("%s: %s got no token".formatted(what, source), source, right);
  }

  private static RuntimeException denied(String message, String source, AzureRight right) {
    return Failures.needsHelp(
        message,
        "correct what %s of Azure's default chain uses on this worker, then retry; its identity needs the role %s on %s"
            .formatted(source, right.role(), right.scope()),
        right.grant("<the worker's identity>"));
  }

  private static boolean mayPass(MsalServiceException said) {
    Integer status = said.statusCode();
    return PASSING.matcher(said.errorCode() + " " + said.getMessage()).find()
        || (status != null && (status == THROTTLED || status >= BROKEN));
  }

  private static String source(String message) {
    String last = "";
    Matcher matcher = SOURCE.matcher(message);
    while (matcher.find()) {
      last = matcher.group(1).equals(CHAIN) ? last : matcher.group(1);
    }
    return last;
  }

  /** Without the ids behind it, which differ each time. */
  private static String words(MsalServiceException said) {
    return String.valueOf(said.getMessage())
        .replaceAll("(?s)(\\R|Managed Identity Correlation ID|Trace ID|Correlation ID).*", "")
        .replace("[Managed Identity] ", "")
        .replaceAll("[. ]+$", "");
  }
}
