package dev.whimbrel.aws;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
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

  /** The service of the machine itself, which is asked last, and on machines that have none too. */
  private static final String METADATA = "InstanceProfileCredentialsProvider";

  /** What a call says that failed for lack of credentials; empty where it failed otherwise. */
  public static Optional<LackingCredentials> in(SdkException failure) {
    String text = String.valueOf(failure.getMessage());
    if (!(failure instanceof SdkClientException) || !text.startsWith(BEGINNING)) {
      return Optional.empty();
    }
    int list = text.indexOf(") : [");
    String[] sources = list < 0 ? new String[0] : BETWEEN.split(text.substring(list));
    List<String> said = new ArrayList<>();
    String metadata = "";
    for (String source : sources) {
      int end = source.indexOf("): ");
      if (end < 0 || NOT_CONFIGURED.stream().anyMatch(source.substring(end + 3)::startsWith)) {
        continue;
      }
      String name = source.substring(0, source.indexOf('('));
      String sentence = "%s: %s".formatted(name, plain(source.substring(end + 3)));
      if (name.equals(METADATA)) {
        metadata = sentence;
      } else {
        said.add(sentence);
      }
    }
    boolean mayPass = said.stream().anyMatch(each -> PASSING.matcher(each).find());
    if (said.isEmpty()) {
      said.add(
          metadata.isEmpty()
              ? "no source is configured"
              : "no other source is configured, " + metadata);
    }
    return Optional.of(new LackingCredentials(mayPass, String.join("; ", said)));
  }

  private static String plain(String said) {
    return said.replaceAll(", Request ID: [^)]*", "")
        .replaceAll(" \\(SDK Attempt Count: \\d+\\)", "")
        .replaceAll("[\\].]+$", "");
  }
}
