package dev.whimbrel.servers;

import dev.whimbrel.servers.ServiceFront.Answer;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The filter {@code client-token} of DescribeInstances, which moto lacks: everything is asked for,
 * and what was launched with another token is taken out of the answer. It must be the only filter.
 */
final class TokenFilter {
  private static final String NAME = "Filter.1.Name";
  private static final Pattern TOKEN = Pattern.compile("<clientToken>([^<]*)</clientToken>");

  private final Pattern wanted;

  private TokenFilter(String value) {
    // AWS knows * as "anything" in the values of filters.
    this.wanted = Pattern.compile(Pattern.quote(value).replace("*", "\\E.*\\Q"));
  }

  static Optional<TokenFilter> in(Map<String, String> parameters) {
    return "client-token".equals(parameters.get(NAME))
        ? Optional.of(new TokenFilter(parameters.getOrDefault("Filter.1.Value.1", "")))
        : Optional.empty();
  }

  String requestWithout(Map<String, String> parameters) {
    return parameters.entrySet().stream()
        .filter(each -> !each.getKey().startsWith("Filter.1."))
        .map(each -> encoded(each.getKey()) + "=" + encoded(each.getValue()))
        .collect(Collectors.joining("&"));
  }

  Answer applied(Answer all) {
    String text =
        Unseen.RESERVATION
            .matcher(all.body())
            .replaceAll(
                item -> Matcher.quoteReplacement(launchedWithIt(item.group()) ? item.group() : ""));
    return new Answer(all.status(), all.type(), text);
  }

  private boolean launchedWithIt(String reservation) {
    Matcher token = TOKEN.matcher(reservation);
    return token.find() && wanted.matcher(token.group(1)).matches();
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
