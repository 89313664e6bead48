package dev.whimbrel.aws;

import java.io.IOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.exception.SdkServiceException;

/**
 * What is wrong with a source of credentials that is a service beside the worker. The chain keeps
 * one sentence of it, the same for everything; the source itself throws what happened.
 *
 * @param words as they stand behind the name of the source, without ids and secrets
 */
record SourceTrouble(Kind kind, String words) {
  /** What it means. */
  enum Kind {
    /** It is there, and has trouble of its own, or is silent. */
    PASSING,
    /** It is there, and will say the same again. */
    LASTING,
    /** Nobody takes connections, or the network knows no way. */
    NOBODY_THERE
  }

  static final String NO_CREDENTIALS = "answers with something that holds no credentials";

  private static final int THROTTLED = 429;
  private static final int BROKEN = 500;

  /** A token of Kubernetes, should a service repeat it. */
  private static final Pattern TOKEN = Pattern.compile("eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]*");

  /** An address, which is a secret where a container is known by its path. */
  private static final Pattern ADDRESS =
      Pattern.compile("(?<=The full URI )\\([^)]*\\)|https?://\\S+");

  /** A text of the SDK, or of whoever was asked, as it may be shown. */
  static String withoutSecrets(String said) {
    return TOKEN.matcher(ADDRESS.matcher(said).replaceAll("…")).replaceAll("…");
  }

  boolean mayPass() {
    return kind == Kind.PASSING;
  }

  boolean isUnauthorized() {
    return words.startsWith("answers 401");
  }

  /** Asks a source. */
  static SourceTrouble of(AwsCredentialsProvider source) {
    try {
      source.resolveCredentials();
      return new SourceTrouble(Kind.PASSING, "has answered when it was asked again");
    } catch (SdkException e) {
      return in(e);
    }
  }

  private static SourceTrouble in(SdkException failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      String said = String.valueOf(each.getMessage());
      if (each instanceof SdkServiceException answer) {
        return answered(answer);
      }
      // What follows are the SDK's own texts. The first and the last hold addresses, which are a
      // secret where a container is known by its path.
      if (said.startsWith("The requested metadata is not found")) {
        return new SourceTrouble(Kind.LASTING, "answers 404: it knows no role");
      }
      if (said.startsWith("Failed to read ")) {
        return new SourceTrouble(
            Kind.LASTING,
            "was not asked, as the token's file cannot be read: "
                + said.replaceAll("^Failed to read |\\.$", ""));
      }
      if (said.startsWith("The full URI")) {
        return new SourceTrouble(
            Kind.LASTING, "is not asked, as the host is none that AWS's SDKs trust without https");
      }
      // A parser of JSON throws an IOException of its own.
      if (each instanceof IOException trouble
          && each.getClass().getPackageName().startsWith("java")) {
        return connection(trouble);
      }
    }
    return new SourceTrouble(Kind.LASTING, NO_CREDENTIALS);
  }

  private static SourceTrouble answered(SdkServiceException answer) {
    int status = answer.statusCode();
    String said = answer.getMessage() == null ? "" : " (%s)".formatted(answer.getMessage());
    return new SourceTrouble(
        status == THROTTLED || status >= BROKEN ? Kind.PASSING : Kind.LASTING,
        "answers %d%s".formatted(status, withoutSecrets(said)));
  }

  private static SourceTrouble connection(IOException trouble) {
    String said = String.valueOf(trouble.getMessage()).toLowerCase(Locale.ROOT);
    if (trouble instanceof ConnectException
        || trouble instanceof NoRouteToHostException
        || trouble instanceof UnknownHostException
        || said.contains("unreachable")
        || said.startsWith("connect timed out")) {
      return new SourceTrouble(Kind.NOBODY_THERE, "cannot be reached");
    }
    return new SourceTrouble(
        Kind.PASSING,
        trouble instanceof SocketTimeoutException
            ? "does not answer"
            : "ends the connection without an answer");
  }
}
