package dev.whimbrel.azure;

import com.azure.core.exception.HttpResponseException;
import com.microsoft.aad.msal4j.AuthenticationErrorCode;
import com.microsoft.aad.msal4j.MsalException;
import com.microsoft.aad.msal4j.MsalJsonParsingException;
import com.microsoft.aad.msal4j.MsalServiceException;
import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What it means that a call was never made, as whoever hands out tokens gave none for it. */
final class MissingToken {
  /** A managed identity's errors come as text alone, without the status that they had. */
  private static final Pattern PASSING =
      Pattern.compile(
          "(?i)too.many.requests|throttl|server.error|gateway error|service unavailable|temporarily.unavailable|try again|transient");

  /** The chain names itself first, and then the one that it has stopped at. */
  private static final Pattern SOURCE = Pattern.compile("(\\w+Credential) authentication failed");

  /** What the chain says of a machine without metadata, and of one whose metadata are silent. */
  private static final Pattern METADATA =
      Pattern.compile("No response received from the IMDS endpoint, ([^\\r\\n]*)");

  private static final Pattern NOBODY_THERE =
      Pattern.compile("(?i)connect timed out|refused|unreachable|no route|permission denied");

  /** The status of an answer that was no JSON, where it was a managed identity's. */
  private static final Pattern BEHIND_NO_JSON = Pattern.compile("MSI returned (\\d+)");

  static final String MACHINE = "ManagedIdentityCredential";

  /** All that the SDK says of a federated token without a letter. */
  private static final String EMPTY = "assertion";

  private static final String UNKNOWN = "invalid_instance";
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
    String text = String.valueOf(e.getMessage());
    String source = source(text);
    if (source.isEmpty()) {
      return isSilent(text)
          ? Failures.transientFailure(
              "%s: %s got no token: the service of this machine's metadata (IMDS) does not answer"
                  .formatted(what, MACHINE))
          : Failures.needsHelp(
              what + ": Azure was not asked, as there are no credentials",
              "give the worker credentials that Azure's default chain finds; they need the role %s on %s"
                  .formatted(right.role(), right.scope()),
              "az login");
    }
    String begun = "%s: %s got no token".formatted(what, source);
    for (Throwable each = e; each != null; each = each.getCause()) {
      if (each instanceof FileSystemException file) {
        return denied(
            "%s: the token's file %s cannot be read (%s)"
                .formatted(begun, file.getFile(), file.getClass().getSimpleName()),
            source,
            right);
      }
      if (each instanceof MsalException said && isNoJson(said)) {
        String message = begun + ": what comes instead of one is no JSON";
        return isGateways(said)
            ? Failures.transientFailure(message)
            : denied(message, source, right);
      }
      if (each instanceof NullPointerException && EMPTY.equals(each.getMessage())) {
        return denied(begun + ": the token's file is empty", source, right);
      }
      if (each instanceof MsalServiceException said && UNKNOWN.equals(said.errorCode())) {
        return Failures.needsHelp(
            "%s: Microsoft's public directory does not know the authority (%s)"
                .formatted(begun, words(said)),
            "correct the cloud, or AZURE_AUTHORITY_HOST, on this worker; where the authority is one"
                + " of your own that you trust, let nobody be asked about it, then retry",
            "az config set core.instance_discovery=false");
      }
      if (each instanceof MsalServiceException said) {
        String message = "%s: %s".formatted(begun, words(said));
        return mayPass(said) ? Failures.transientFailure(message) : denied(message, source, right);
      }
      if (each instanceof IOException || each instanceof TimeoutException) {
        return Failures.transientFailure(begun + ": whoever hands them out does not answer");
      }
    }
    return denied(begun, source, right);
  }

  private static boolean isNoJson(MsalException said) {
    return said instanceof MsalJsonParsingException
        || AuthenticationErrorCode.INVALID_JSON.equals(said.errorCode());
  }

  /**
   * Whether it is the page of a gateway that reaches nobody. Of the directory's answers, only those
   * with an error end in that exception, without their status.
   */
  private static boolean isGateways(MsalException said) {
    Matcher status = BEHIND_NO_JSON.matcher(String.valueOf(said.getMessage()));
    return said instanceof MsalJsonParsingException
        && (!status.find() || status.group(1).matches("429|5\\d\\d"));
  }

  /** Whether somebody has taken the connection of the chain's first look, and no more. */
  private static boolean isSilent(String text) {
    Matcher metadata = METADATA.matcher(text);
    return metadata.find() && !NOBODY_THERE.matcher(metadata.group(1)).find();
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

  /** Without the ids behind it, which differ each time, and without the answer as a whole. */
  private static String words(MsalServiceException said) {
    return String.valueOf(said.getMessage())
        .replaceAll(
            "(?s)(\\R|Managed Identity Correlation ID|Trace ID|Correlation ID|Status: \\d).*", "")
        .replace("[Managed Identity] ", "")
        .replaceAll("[. ]+$", "");
  }
}
