package dev.whimbrel.servers;

import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Before moto, what EC2 does and moto does not: a client token given twice launches once and finds
 * what it has launched, a new instance may not be seen at first, and there are quotas of EC2. Calls
 * of STS pass through as well.
 */
public final class Ec2Front extends ServiceFront {
  private static final Pattern INSTANCE = Pattern.compile("<instanceId>(i-[0-9a-f]+)</instanceId>");
  private static final Pattern SCOPE = Pattern.compile("Credential=[^/]+/[0-9]+/([^/]+)/([^/]+)/");

  /** A launch that has succeeded, by its token. */
  private record Launch(Map<String, String> parameters, Answer answer) {}

  private final Map<String, Launch> launches = new ConcurrentHashMap<>();
  private final Map<String, Double> quotas = new ConcurrentHashMap<>();
  private final Unseen unseen = new Unseen();

  Ec2Front(URI moto) {
    super(moto);
    listen();
  }

  /**
   * Lets every instance that is launched from now on stay unseen for a while, as EC2's own servers
   * do not learn of it all at once.
   *
   * @param looks how many calls that speak of it do not see it yet
   */
  public void hideNewInstances(int looks) {
    unseen.looks(looks);
  }

  /** Sets one of EC2's quotas, by its code; those that are not set are not known. */
  public void quota(String code, double value) {
    quotas.put(code, value);
  }

  @Override
  String operation(Asked asked) {
    String target = asked.header("X-Amz-Target").orElse("");
    return target.isEmpty()
        ? parameters(asked).getOrDefault("Action", asked.method())
        : target.substring(target.indexOf('.') + 1);
  }

  @Override
  String summary(Asked asked) {
    if (asked.header("X-Amz-Target").isPresent()) {
      return asked.body();
    }
    return parameters(asked).entrySet().stream()
        .filter(each -> !each.getKey().equals("Action") && !each.getKey().equals("Version"))
        .map(each -> each.getKey() + "=" + each.getValue())
        .collect(Collectors.joining(" ", scope(asked, 1).orElse("?") + " ", ""));
  }

  @Override
  Answer error(Asked asked, int status, String code, String message) {
    if (asked.header("X-Amz-Target").isPresent()) {
      String json = "{\"__type\": \"%s\", \"message\": \"%s\"}".formatted(code, message);
      return new Answer(status, "application/x-amz-json-1.1", json);
    }
    String error = "<Code>%s</Code><Message>%s</Message>".formatted(code, message);
    return new Answer(
        status,
        "text/xml;charset=UTF-8",
        scope(asked, 2).orElse("ec2").equals("sts")
            ? "<ErrorResponse><Error><Type>Sender</Type>%s</Error><RequestId>r</RequestId></ErrorResponse>"
                .formatted(error)
            : "<Response><Errors><Error>%s</Error></Errors><RequestID>r</RequestID></Response>"
                .formatted(error));
  }

  @Override
  Answer answer(String operation, Asked asked) throws IOException {
    Map<String, String> parameters = parameters(asked);
    if (operation.equals("RunInstances")) {
      return run(asked, parameters);
    }
    Optional<Answer> quota = operation.equals("GetServiceQuota") ? quota(asked) : Optional.empty();
    if (quota.isPresent()) {
      return quota.get();
    }
    Optional<TokenFilter> byToken = TokenFilter.in(parameters);
    if (byToken.isPresent()) {
      Answer all = passOn(asked.with(byToken.get().requestWithout(parameters)));
      return unseen.without(byToken.get().applied(all));
    }
    Optional<String> notSeen = unseen.named(parameters.values());
    if (notSeen.isPresent()) {
      return error(
          asked,
          400,
          "InvalidInstanceID.NotFound",
          "The instance ID '" + notSeen.get() + "' does not exist");
    }
    Answer answer = passOn(asked);
    return operation.equals("DescribeInstances") || operation.equals("DescribeInstanceStatus")
        ? unseen.without(answer)
        : answer;
  }

  private Optional<Answer> quota(Asked asked) {
    return quotas.entrySet().stream()
        .filter(each -> asked.body().contains('"' + each.getKey() + '"'))
        .map(each -> "{\"Quota\": {\"Value\": %s}}".formatted(each.getValue()))
        .map(json -> new Answer(200, "application/x-amz-json-1.1", json))
        .findFirst();
  }

  private Answer run(Asked asked, Map<String, String> parameters) throws IOException {
    String token = parameters.get("ClientToken");
    if (token == null || "true".equals(parameters.get("DryRun"))) {
      return launch(asked);
    }
    if (token.length() > 64 || !token.chars().allMatch(each -> each > 32 && each < 127)) {
      return error(asked, 400, "InvalidParameterValue", "ClientToken: at most 64 ASCII characters");
    }
    String key = scope(asked, 1).orElse("") + " " + token;
    // Two calls with one token at the same time: the second one waits for the first one's end.
    synchronized (launches) {
      Launch earlier = launches.get(key);
      if (earlier == null) {
        Answer answer = launch(asked);
        if (answer.status() == 200) {
          launches.put(key, new Launch(parameters, answer));
        }
        return answer;
      }
      if (!earlier.parameters().equals(parameters)) {
        return error(
            asked,
            400,
            "IdempotentParameterMismatch",
            "The client token you have provided is associated with a resource whose parameters"
                + " differ from those of the current request");
      }
      return terminated(asked, earlier)
          ? error(
              asked,
              400,
              "IdempotentInstanceTerminated",
              "The client token you have provided is associated with an instance that has been"
                  + " terminated")
          : earlier.answer();
    }
  }

  private Answer launch(Asked asked) throws IOException {
    Answer answer = passOn(asked);
    instance(answer).ifPresent(unseen::hide);
    return answer;
  }

  private boolean terminated(Asked asked, Launch launch) throws IOException {
    String body =
        "Action=DescribeInstances&Version=2016-11-15&InstanceId.1="
            + instance(launch.answer()).orElseThrow();
    Answer now = passOn(asked.with(body));
    return now.body().contains("<name>terminated</name>")
        || now.body().contains("<name>shutting-down</name>");
  }

  private static Optional<String> instance(Answer answer) {
    Matcher matcher = INSTANCE.matcher(answer.body());
    return answer.status() == 200 && matcher.find()
        ? Optional.of(matcher.group(1))
        : Optional.empty();
  }

  /** The region (1) or the service (2) for which a request was signed. */
  private static Optional<String> scope(Asked asked, int group) {
    return asked
        .header("Authorization")
        .map(SCOPE::matcher)
        .filter(Matcher::find)
        .map(matcher -> matcher.group(group));
  }

  private static Map<String, String> parameters(Asked asked) {
    String body = asked.body();
    if (body.isEmpty() || body.startsWith("{")) {
      return Map.of();
    }
    return Arrays.stream(body.split("&"))
        .map(each -> each.split("=", 2))
        .collect(
            Collectors.toMap(
                each -> decoded(each[0]),
                each -> each.length == 1 ? "" : decoded(each[1]),
                (first, second) -> second,
                TreeMap::new));
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }
}
