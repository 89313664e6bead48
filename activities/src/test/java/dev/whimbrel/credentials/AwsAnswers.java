package dev.whimbrel.credentials;

import dev.whimbrel.credentials.TokenService.Answer;
import dev.whimbrel.credentials.TokenService.Asked;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What AWS's services that hand out credentials answer. */
final class AwsAnswers {
  private AwsAnswers() {}

  /** The metadata of an instance. */
  static Answer metadata(Asked asked, Fault fault) {
    boolean needsSession = fault == Fault.NO_SESSION && asked.session().isEmpty();
    return switch (fault) {
      case THROTTLED -> Answer.text(429, "");
      case BROKEN -> Answer.text(500, "");
      case DENIED -> Answer.text(403, "");
      default -> needsSession ? Answer.text(401, "") : soundMetadata(asked.path());
    };
  }

  private static Answer soundMetadata(String path) {
    if (path.endsWith("/api/token")) {
      return Answer.text(200, "metadata-token");
    }
    if (path.endsWith("/security-credentials/")
        || path.endsWith("/security-credentials-extended/")) {
      return Answer.text(200, "whimbrel");
    }
    return credentials();
  }

  /** The agent of ECS, which knows a task by the path alone. */
  static Answer ecs(Asked asked, Fault fault) {
    if (!asked.path().endsWith(CredentialFaultsTest.SECRET)) {
      return ecsError(400, "InvalidIdInRequest", "CredentialsV2Request: Credentials not found");
    }
    return switch (fault) {
      case THROTTLED -> ecsError(429, "Throttling", "Too many requests");
      case BROKEN -> ecsError(500, "InternalServerError", "Internal server error");
      case DENIED ->
          ecsError(
              400, "NoCredentialsAssociated", "CredentialsV2Request: Credentials not associated");
      case UNKNOWN -> ecsError(404, "InvalidIdInRequest", "CredentialsV2Request: unknown");
      default -> credentials();
    };
  }

  /** The same agent, and the security token service at its side. */
  static Answer ecsAndSts(Asked asked, Fault fault) {
    return asked.path().startsWith("/v2/") ? ecs(asked, fault) : sts(asked, Fault.NONE);
  }

  private static Answer ecsError(int status, String code, String message) {
    return Answer.json(
        status,
        "{\"code\": \"%s\", \"message\": \"%s\", \"HTTPErrorCode\": %d}"
            .formatted(code, message, status));
  }

  /** The agent of EKS's pod identity, which knows a pod by its token. */
  static Answer podIdentity(Asked asked, Fault fault) {
    return switch (fault) {
      case THROTTLED -> eksError(429, "ThrottlingException", "Rate exceeded");
      case BROKEN -> eksError(500, "InternalServerException", "Please try again");
      case DENIED ->
          eksError(403, "AccessDeniedException", "EKS may not assume the role of the association");
      default -> {
        if (asked.authorization().equals(SourceFiles.GOOD)) {
          yield credentials();
        }
        // It says more than it should, so that it is seen that nobody prints it.
        yield asked.authorization().isEmpty()
            ? eksError(400, "InvalidTokenException", "Service account token cannot be empty")
            : eksError(400, "ExpiredTokenException", "Expired: " + asked.authorization());
      }
    };
  }

  private static Answer eksError(int status, String code, String message) {
    return Answer.json(status, "{\"code\": \"%s\", \"message\": \"%s\"}".formatted(code, message));
  }

  private static Answer credentials() {
    return Answer.json(
        200,
        """
        {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "%s",
         "Token": "%s", "LastUpdated": "%s", "Expiration": "%s"}
        """
            .formatted(CredentialFaultsTest.SECRET, CredentialFaultsTest.SECRET, in(0), in(6)));
  }

  /** The security token service. */
  static Answer sts(Asked asked, Fault fault) {
    String action = parameter(asked.body(), "Action");
    return switch (fault) {
      case THROTTLED -> stsError(400, "Throttling", "Rate exceeded");
      case BROKEN -> stsError(500, "InternalFailure", "We encountered an internal error.");
      case DENIED ->
          stsError(
              403,
              "AccessDenied",
              "User is not authorized to perform: sts:" + action + " on resource: whimbrel");
      default ->
          action.equals("AssumeRoleWithWebIdentity")
              ? byToken(action, parameter(asked.body(), "WebIdentityToken"))
              : role(action);
    };
  }

  private static Answer byToken(String action, String token) {
    if (token.equals(SourceFiles.GOOD)) {
      return role(action);
    }
    return token.isEmpty()
        ? stsError(
            400,
            "ValidationError",
            "1 validation error detected: Value '' at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4")
        : stsError(400, "ExpiredTokenException", "Token expired");
  }

  private static Answer role(String action) {
    return new Answer(
        200,
        "text/xml",
        """
        <%1$sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%1$sResult>
        <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/whimbrel/worker</Arn><AssumedRoleId>AROAEXAMPLE:worker</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>%2$s</SecretAccessKey><SessionToken>%2$s</SessionToken><Expiration>%3$s</Expiration></Credentials>
        </%1$sResult></%1$sResponse>
        """
            .formatted(action, CredentialFaultsTest.SECRET, in(1)));
  }

  private static Answer stsError(int status, String code, String message) {
    return new Answer(
        status,
        "text/xml",
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            .formatted(code, message));
  }

  /** A parameter of a form; empty where it is not there. */
  static String parameter(String form, String name) {
    for (String pair : form.split("&", -1)) {
      if (pair.startsWith(name + "=")) {
        return URLDecoder.decode(pair.substring(name.length() + 1), StandardCharsets.UTF_8);
      }
    }
    return "";
  }

  private static String in(int hours) {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).plus(hours, ChronoUnit.HOURS).toString();
  }
}
