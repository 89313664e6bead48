package dev.whimbrel.aws;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.ContainerCredentialsProvider;
import software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider;
import software.amazon.awssdk.core.SdkSystemSetting;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * Why the SDK's default chain found no credentials. It has a text for it and nothing else, with a
 * sentence of each source; those that nobody has configured are left out here.
 *
 * @param mayPass whether a source that is configured was throttled, had trouble or did not answer
 * @param why the sources that are configured and what each says, without ids and secrets
 */
public record LackingCredentials(boolean mayPass, String why) {
  private static final String BEGINNING = "Unable to load credentials";

  private static final Pattern BETWEEN =
      Pattern.compile("(?:, |\\[)(?=[A-Z]\\w*CredentialsProvider\\()");

  private static final List<String> NOT_CONFIGURED =
      List.of(
          "Unable to load credentials from system settings",
          "Either the environment variable AWS_WEB_IDENTITY_TOKEN_FILE",
          "Profile file contained no credentials",
          "Cannot fetch credentials from container - neither");

  private static final Pattern PASSING =
      Pattern.compile(
          "Status Code: (429|5\\d\\d)|Rate exceeded|Throttl|Unable to execute HTTP request");

  /** The service of a container, at ECS, or with EKS's pod identity. */
  private static final String CONTAINER = "ContainerCredentialsProvider";

  /** The service of the machine itself, which is asked last, and on machines that have none too. */
  private static final String METADATA = "InstanceProfileCredentialsProvider";

  /** Where the answer with the token does not arrive, the SDK asks without one. */
  private static final String ONE_HOP_TOO_FAR =
      ", as to a container that is a hop too far away to get a token"
          + " (aws ec2 modify-instance-metadata-options --instance-id i-… --http-put-response-hop-limit 2)";

  /** What the SDK makes of an answer that is none of STS's, such as a page of a proxy. */
  private static final String NO_ANSWER = "Cannot invoke ";

  private static final String SWITCHED_OFF = "IMDS credentials have been disabled";

  /** Whether a call failed for lack of credentials. */
  public static boolean isIn(SdkException failure) {
    return failure instanceof SdkClientException
        && String.valueOf(failure.getMessage()).startsWith(BEGINNING);
  }

  /**
   * What a call says that failed for lack of credentials; empty where it failed otherwise. A source
   * of which the text says nothing is asked once more, which takes some seconds where it is silent.
   */
  public static Optional<LackingCredentials> in(SdkException failure) {
    if (!isIn(failure)) {
      return Optional.empty();
    }
    String text = String.valueOf(failure.getMessage());
    int list = text.indexOf(") : [");
    String[] sources = list < 0 ? new String[0] : BETWEEN.split(text.substring(list));
    List<LackingCredentials> configured = new ArrayList<>();
    Optional<String> metadata = Optional.empty();
    for (String source : sources) {
      int end = source.indexOf("): ");
      if (end < 0 || NOT_CONFIGURED.stream().anyMatch(source.substring(end + 3)::startsWith)) {
        continue;
      }
      String said = source.substring(end + 3);
      String name = source.substring(0, source.indexOf('('));
      if (name.equals(METADATA)) {
        metadata = Optional.of(said);
      } else {
        configured.add(name.equals(CONTAINER) ? container() : said(name, said));
      }
    }
    if (configured.isEmpty()) {
      return Optional.of(
          metadata
              .map(LackingCredentials::metadata)
              .orElse(new LackingCredentials(false, "no source is configured")));
    }
    return Optional.of(
        new LackingCredentials(
            configured.stream().anyMatch(LackingCredentials::mayPass),
            String.join("; ", configured.stream().map(LackingCredentials::why).toList())));
  }

  private static LackingCredentials said(String source, String said) {
    if (said.startsWith(NO_ANSWER)) {
      return new LackingCredentials(
          false, "%s: it %s".formatted(source, SourceTrouble.NO_CREDENTIALS));
    }
    return new LackingCredentials(
        PASSING.matcher(said).find(), "%s: %s".formatted(source, plain(said)));
  }

  private static LackingCredentials container() {
    SdkSystemSetting by =
        SdkSystemSetting.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.getStringValue().isPresent()
            ? SdkSystemSetting.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
            : SdkSystemSetting.AWS_CONTAINER_CREDENTIALS_FULL_URI;
    try (ContainerCredentialsProvider source = ContainerCredentialsProvider.create()) {
      SourceTrouble trouble = SourceTrouble.of(source);
      return new LackingCredentials(
          trouble.mayPass() || trouble.kind() == SourceTrouble.Kind.NOBODY_THERE,
          "%s (%s): it %s".formatted(CONTAINER, by.environmentVariable(), trouble.words()));
    }
  }

  private static LackingCredentials metadata(String said) {
    if (said.startsWith(SWITCHED_OFF)) {
      return new LackingCredentials(
          false,
          "no source is configured, and the machine's metadata are switched off by AWS_EC2_METADATA_DISABLED");
    }
    try (InstanceProfileCredentialsProvider source = InstanceProfileCredentialsProvider.create()) {
      SourceTrouble trouble = SourceTrouble.of(source);
      return new LackingCredentials(
          trouble.mayPass(),
          trouble.kind() == SourceTrouble.Kind.NOBODY_THERE
              ? "no source is configured, and this machine has no metadata (%s)"
                  .formatted(trouble.words())
              : "%s: the service of this machine's metadata %s%s"
                  .formatted(
                      METADATA, trouble.words(), trouble.isUnauthorized() ? ONE_HOP_TOO_FAR : ""));
    }
  }

  private static String plain(String said) {
    return SourceTrouble.withoutSecrets(said)
        .replaceAll(", Request ID: [^)]*", "")
        .replaceAll(" \\(SDK Attempt Count: \\d+\\)", "")
        .replaceAll("[\\].]+$", "")
        .replaceAll(
            "^java\\.nio\\.file\\.(\\w+): (.*)", "the token's file cannot be read: $2 ($1)");
  }
}
