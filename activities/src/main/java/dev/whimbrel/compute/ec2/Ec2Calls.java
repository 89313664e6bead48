package dev.whimbrel.compute.ec2;

import dev.whimbrel.activity.Failures;
import dev.whimbrel.aws.LackingCredentials;
import io.temporal.failure.ApplicationFailure;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkException;

/** Makes calls in one region, and says what their errors mean. */
final class Ec2Calls {
  /** Where the least rights stand that this capability needs. */
  static final String POLICY = "deploy/aws/ec2-policy.json";

  private static final Set<String> DENIED =
      Set.of("UnauthorizedOperation", "AccessDenied", "AccessDeniedException");
  private static final Set<String> NO_IDENTITY =
      Set.of(
          "AuthFailure",
          "InvalidClientTokenId",
          "SignatureDoesNotMatch",
          "ExpiredToken",
          "ExpiredTokenException",
          "RequestExpired",
          "UnrecognizedClientException");
  private static final Set<String> NO_ROOM =
      Set.of(
          "InsufficientInstanceCapacity",
          "InsufficientHostCapacity",
          "InsufficientReservedInstanceCapacity",
          "Unsupported");
  private static final Set<String> QUOTA =
      Set.of(
          "VcpuLimitExceeded",
          "InstanceLimitExceeded",
          "SnapshotLimitExceeded",
          "ResourceLimitExceeded",
          "MaxSpotInstanceCountExceeded");
  private static final Set<String> LATER =
      Set.of(
          "RequestLimitExceeded",
          "Throttling",
          "ThrottlingException",
          "SnapshotCreationPerVolumeRateExceeded",
          "ConcurrentSnapshotLimitExceeded",
          "IncorrectInstanceState",
          "IncorrectState",
          "Unavailable",
          "ServiceUnavailable",
          "InternalError",
          "InternalFailure");

  private static final int UNAUTHORIZED = 401;

  private final String region;

  String region() {
    return region;
  }

  Ec2Calls(String region) {
    this.region = region;
  }

  /**
   * Makes a call.
   *
   * @param operation as AWS names it, such as {@code RunInstances}
   * @param what what it is about, in words
   * @throws ApplicationFailure what the error means to this step
   */
  <T> T call(String operation, String what, Supplier<T> call) {
    try {
      return call.get();
    } catch (SdkException e) {
      throw failure(operation, what, e);
    }
  }

  /** The error's code as AWS gives it; empty where the service did not answer. */
  static String code(SdkException e) {
    return e instanceof AwsServiceException service
            && service.awsErrorDetails() != null
            && service.awsErrorDetails().errorCode() != null
        ? service.awsErrorDetails().errorCode()
        : "";
  }

  /** What came instead of an answer, in a word. */
  static String word(SdkException e) {
    int status = status(e);
    return !code(e).isEmpty() ? code(e) : status == 0 ? "no answer came" : "status " + status;
  }

  private static int status(SdkException e) {
    return e instanceof AwsServiceException service ? service.statusCode() : 0;
  }

  /** What an error means to the step in which it came up. */
  ApplicationFailure failure(String operation, String what, SdkException e) {
    String code = code(e);
    String where = "%s %s in %s".formatted(operation, what, region);
    Optional<LackingCredentials> lacking = LackingCredentials.in(e);
    if (lacking.filter(LackingCredentials::mayPass).isPresent()) {
      return Failures.transientFailure(
          "%s: this worker gets no AWS credentials now: %s".formatted(where, lacking.get().why()));
    }
    if (lacking.isPresent()) {
      return help(
          "%s: this worker has no AWS credentials: %s".formatted(where, lacking.get().why()),
          "give the worker credentials as AWS's SDKs find them: a role, AWS_PROFILE or environment",
          "aws sts get-caller-identity");
    }
    if (DENIED.contains(code)) {
      return help(
          "%s: this worker's identity may not do it: the right ec2:%s is missing"
              .formatted(where, operation),
          "give the worker's identity ec2:%s, as in %s, then retry".formatted(operation, POLICY),
          null);
    }
    // EC2 says AuthFailure with a 401, whose body Java's own HTTP client does not give away.
    if (NO_IDENTITY.contains(code) || status(e) == UNAUTHORIZED) {
      return help(
          "%s: AWS refuses this worker's credentials (%s)".formatted(where, word(e)),
          "renew the worker's credentials and compare its clock, then retry",
          "aws sts get-caller-identity");
    }
    if (NO_ROOM.contains(code)) {
      return help(
          "%s: AWS has no capacity (%s)".formatted(where, code),
          "retry later, or write another type or a subnet of another zone into the runbook",
          null);
    }
    if (QUOTA.contains(code)) {
      return help(
          "%s: a quota of the account is used up (%s)".formatted(where, code),
          "ask for a higher quota or free some, then retry",
          "aws service-quotas list-service-quotas --service-code ec2 --region " + region);
    }
    int status = status(e);
    if (status == 0 || status >= 500 || status == 429 || LATER.contains(code)) {
      return Failures.transientFailure(
          "%s: %s".formatted(where, status == 0 ? word(e) : "AWS answered " + word(e)));
    }
    return help(
        "%s: AWS answered %s: %s".formatted(where, word(e), message(e)),
        "correct the runbook or the cause, then retry",
        null);
  }

  /** The service's own words, without the SDK's ids and without what is encoded. */
  static String message(SdkException e) {
    String text =
        e instanceof AwsServiceException service && service.awsErrorDetails() != null
            ? String.valueOf(service.awsErrorDetails().errorMessage())
            : String.valueOf(e.getMessage());
    return text.replaceAll("(?s) Encoded authorization failure message:.*", "");
  }

  private static ApplicationFailure help(String cause, String remedy, @Nullable String command) {
    return Failures.needsHelp(cause, remedy, command);
  }
}
