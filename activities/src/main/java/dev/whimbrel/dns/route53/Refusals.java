package dev.whimbrel.dns.route53;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.aws.LackingCredentials;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;

/** What Route 53's refusals mean, and what a person can do about them. */
final class Refusals {
  private static final int SERVER_ERROR = 500;
  private static final Set<String> BUSY =
      Set.of(
          "Throttling",
          "ThrottlingException",
          "RequestLimitExceeded",
          "TooManyRequestsException",
          "PriorRequestNotComplete");
  private static final Set<String> NO_CREDENTIALS =
      Set.of(
          "InvalidClientTokenId",
          "UnrecognizedClientException",
          "SignatureDoesNotMatch",
          "MissingAuthenticationToken",
          "ExpiredToken",
          "ExpiredTokenException",
          "RequestExpired");

  private final String zoneId;

  Refusals(String zoneId) {
    this.zoneId = zoneId;
  }

  /** Whether the service said in so many words that the batch does not fit what is there. */
  static boolean isInvalidBatch(SdkException failure) {
    return "InvalidChangeBatch".equals(code(failure));
  }

  /** Whether the answer did not come. */
  static boolean isLost(SdkException failure) {
    return failure instanceof SdkClientException && !lacksCredentials(failure);
  }

  /** Whether it may go away by itself: too many calls, trouble inside, no connection. */
  static boolean mayPass(SdkException failure) {
    return isLost(failure)
        || BUSY.contains(code(failure))
        || (failure instanceof AwsServiceException service && service.statusCode() >= SERVER_ERROR);
  }

  /**
   * The failure to report.
   *
   * @param action the call, as IAM names it without {@code route53:}
   * @param resource what it was about, as IAM names it, such as {@code hostedzone/Z123}
   */
  RuntimeException report(String action, String resource, SdkException failure) {
    String what = "%s on %s".formatted(action, resource);
    if (isLost(failure)) {
      return Failures.transientFailure(
          "Route 53 does not answer %s: %s".formatted(what, failure.getMessage()));
    }
    if (mayPass(failure)) {
      return Failures.transientFailure(
          "Route 53 cannot do %s now: %s".formatted(what, said(failure)));
    }
    Optional<LackingCredentials> lacking = LackingCredentials.in(failure);
    if (lacking.filter(LackingCredentials::mayPass).isPresent()) {
      return Failures.transientFailure(
          "Route 53 was not asked for %s, as this worker gets no credentials now: %s"
              .formatted(what, lacking.get().why()));
    }
    if (lacking.isPresent()) {
      return Failures.needsHelp(
          "Route 53 was not asked for %s, as this worker has no credentials: %s"
              .formatted(what, lacking.get().why()),
          "give the workers credentials by the SDK's default chain (AWS_PROFILE, a role of the"
              + " machine, or AWS_ACCESS_KEY_ID), or mend the source that is named, then retry",
          "aws sts get-caller-identity");
    }
    if (lacksCredentials(failure)) {
      return Failures.needsHelp(
          "Route 53 takes no credentials of this worker for %s: %s".formatted(what, said(failure)),
          "give the workers credentials by the SDK's default chain (AWS_PROFILE, a role of the"
              + " machine, or AWS_ACCESS_KEY_ID), then retry",
          "aws sts get-caller-identity");
    }
    String code = code(failure);
    if (status(failure) == 403 || code.startsWith("AccessDenied")) {
      return Failures.needsHelp(
          "No right to route53:%s on %s: %s".formatted(action, resource, said(failure)),
          "add this line to the workers' policy (all of it: deploy/aws/route53-policy.json), then"
              + " retry",
          policyLine(action, resource));
    }
    if (code.equals("NoSuchHostedZone")) {
      return Failures.needsHelp(
          "The hosted zone %s is not there, at least not in this account".formatted(zoneId),
          "correct dns.route53.zone in the runbook, or the workers' credentials, then retry",
          "aws route53 list-hosted-zones");
    }
    return Failures.needsHelp(
        "Route 53 refuses %s: %s".formatted(what, said(failure)),
        "correct what it names, in the runbook or in the zone, then retry",
        null);
  }

  /** The statement that allows a call. */
  static String policyLine(String action, String resource) {
    return "{\"Effect\": \"Allow\", \"Action\": \"route53:%s\", \"Resource\": \"%s\"}"
        .formatted(action, resource.equals("*") ? "*" : "arn:aws:route53:::" + resource);
  }

  private static boolean lacksCredentials(SdkException failure) {
    return failure instanceof AwsServiceException
        ? NO_CREDENTIALS.contains(code(failure))
        : LackingCredentials.isIn(failure);
  }

  /** {@code Throttling: Rate exceeded}, without request ids, which differ at each call. */
  private static String said(SdkException failure) {
    return failure instanceof AwsServiceException service && service.awsErrorDetails() != null
        ? "%s: %s".formatted(code(failure), service.awsErrorDetails().errorMessage())
        : String.valueOf(failure.getMessage());
  }

  private static String code(SdkException failure) {
    @Nullable String code =
        failure instanceof AwsServiceException service && service.awsErrorDetails() != null
            ? service.awsErrorDetails().errorCode()
            : null;
    return code == null ? "" : code;
  }

  private static int status(SdkException failure) {
    return failure instanceof AwsServiceException service ? service.statusCode() : 0;
  }
}
