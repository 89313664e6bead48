package dev.whimbrel.azure;

import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.management.exception.ManagementError;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.polling.PollResult;
import dev.whimbrel.activity.Failures;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Calls of Azure Resource Manager, and what its errors mean for a migration. They are judged by
 * their codes first: a long operation that failed surfaces with the status of the look at it, 200.
 */
public final class AzureCalls {
  private static final Set<String> DENIED =
      Set.of("AuthorizationFailed", "LinkedAuthorizationFailed", "RequestDisallowedByPolicy");
  private static final Set<String> UNKNOWN_CLIENT =
      Set.of(
          "AuthenticationFailed",
          "ExpiredAuthenticationToken",
          "InvalidAuthenticationToken",
          "InvalidAuthenticationTokenTenant");
  private static final Set<String> PASSING =
      Set.of(
          "TooManyRequests",
          "SubscriptionRequestsThrottled",
          "InternalServerError",
          "InternalError",
          "ServiceUnavailable",
          "ServerTimeout",
          "GatewayTimeout",
          "OperationTimedOut",
          "RetryableError",
          "AnotherOperationInProgress",
          "NetworkingInternalOperationError",
          "InternalExecutionError");
  private static final Pattern OBJECT_ID = Pattern.compile("object id '([0-9A-Fa-f-]+)'");
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private AzureCalls() {}

  /** The answer to a call was lost: what it asked for may have been done. */
  public static final class Lost extends RuntimeException {
    private Lost(String message) {
      super(message);
    }
  }

  /**
   * Makes a call.
   *
   * @param what the call in words, as in "Cannot read the record set …"
   * @param right what it needs
   * @throws Refused if something stands against it that the caller may know how to take: a resource
   *     that is not there, a condition that does not hold
   * @throws Lost if the connection ended without an answer
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} where it may work later, with
   *     the delay that Azure asked for; {@code NeedsHelp} where a right is missing
   */
  public static <T> T make(String what, AzureRight right, Supplier<T> call) {
    try {
      return call.get();
    } catch (HttpResponseException e) {
      throw judged(what, right, e);
    } catch (RuntimeException e) {
      // The SDK wraps what its connection throws into exceptions of its reactive library's own.
      if (isLost(e)) {
        throw new Lost("%s: the connection to Azure ended without an answer".formatted(what));
      }
      throw e;
    }
  }

  /** A call that was answered with an error which is about what it asked for. */
  public static final class Refused extends RuntimeException {
    private final int status;
    private final String code;

    private Refused(String message, int status, String code) {
      super(message);
      this.status = status;
      this.code = code;
    }

    /** The HTTP status; 200 where a long operation has failed. */
    public int status() {
      return status;
    }

    /** Azure's word for it, such as {@code PreconditionFailed}. */
    public String code() {
      return code;
    }

    /** As a failure that a person sees to. */
    public RuntimeException needsHelp(String remedy, @Nullable String command) {
      return Failures.needsHelp(String.valueOf(getMessage()), remedy, command);
    }
  }

  /**
   * What it means that a long operation has ended as failed, or cannot be looked at, where its look
   * was made by hand.
   *
   * @param error what the look was answered with
   * @param code Azure's word for it
   * @param text what Azure says about it
   * @return {@link Refused}, or a failure as {@link #make} throws it
   */
  public static RuntimeException failedOperation(
      String what, AzureRight right, PollResult.Error error, String code, String text) {
    return judged(
        what,
        right,
        error.getResponseStatusCode(),
        code,
        text.isEmpty() ? "" : " (" + text + ")",
        wait(error.getResponseHeaders()));
  }

  private static RuntimeException judged(String what, AzureRight right, HttpResponseException e) {
    if (e.getResponse() == null) {
      return MissingToken.judged(what, right, e);
    }
    return judged(
        what,
        right,
        e.getResponse().getStatusCode(),
        code(e).orElse(""),
        detail(e),
        wait(e.getResponse().getHeaders()));
  }

  private static RuntimeException judged(
      String what, AzureRight right, int status, String code, String detail, Duration wait) {
    String message = "%s: Azure answers %s%s".formatted(what, words(status, code), detail);
    if (DENIED.contains(code) || status == 403) {
      return Failures.needsHelp(
          message,
          "grant the worker's identity the role %s on %s; it may take minutes to count"
              .formatted(right.role(), right.scope()),
          right.grant(assignee(detail)));
    }
    if (UNKNOWN_CLIENT.contains(code) || status == 401) {
      return Failures.needsHelp(
          message,
          "renew the credentials that the worker finds by Azure's default chain; its identity needs the role %s on %s"
              .formatted(right.role(), right.scope()),
          right.grant("<the worker's identity>"));
    }
    if (PASSING.contains(code) || status == 429 || status >= 500) {
      return Failures.transientFailure(message, wait);
    }
    return new Refused(message, status, code);
  }

  private static String words(int status, String code) {
    return code.isEmpty() ? Integer.toString(status) : status + " " + code;
  }

  private static String detail(HttpResponseException e) {
    ManagementError error = e instanceof ManagementException m ? m.getValue() : null;
    String text = error == null ? null : error.getMessage();
    return text == null ? "" : " (" + text + ")";
  }

  private static Optional<String> code(HttpResponseException e) {
    ManagementError error = e instanceof ManagementException m ? m.getValue() : null;
    return Optional.ofNullable(error).map(ManagementError::getCode);
  }

  private static String assignee(String detail) {
    Matcher matcher = OBJECT_ID.matcher(detail);
    return matcher.find() ? matcher.group(1) : "<the worker's identity>";
  }

  /** What Azure asks to wait before the next attempt; zero where it does not say. */
  private static Duration wait(@Nullable HttpHeaders headers) {
    String seconds = headers == null ? null : headers.getValue(HttpHeaderName.RETRY_AFTER);
    if (seconds == null || !seconds.matches("\\d{1,6}")) {
      return Duration.ZERO;
    }
    Duration asked = Duration.ofSeconds(Long.parseLong(seconds));
    return asked.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : asked;
  }

  private static boolean isLost(Throwable e) {
    for (Throwable each = e; each != null; each = each.getCause()) {
      if (each instanceof IOException || each instanceof TimeoutException) {
        return true;
      }
    }
    return false;
  }
}
