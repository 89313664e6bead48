package dev.whimbrel.servers;

import dev.whimbrel.servers.ServiceFront.Answer;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Instances that were launched and are not seen yet, each for a number of looks. */
final class Unseen {
  /** One reservation of an answer, with its instances; moto makes one for each launch. */
  static final Pattern RESERVATION =
      Pattern.compile(
          "<item>\\s*<(reservationId|instanceId)>.*?</item>(?=\\s*(<item>\\s*<\\1>|</(reservationSet|instanceStatusSet)>))",
          Pattern.DOTALL);

  private final Map<String, Integer> left = new ConcurrentHashMap<>();
  private volatile int looks;

  void looks(int number) {
    looks = number;
  }

  void hide(String instance) {
    if (looks > 0) {
      left.put(instance, looks);
    }
  }

  /** The hidden instance that a request names, after counting this look. */
  Optional<String> named(Collection<String> values) {
    return values.stream().filter(this::isHidden).findFirst();
  }

  private boolean isHidden(String instance) {
    return left.containsKey(instance) && look(instance);
  }

  private boolean look(String instance) {
    Integer before = left.get(instance);
    left.computeIfPresent(instance, (id, number) -> number == 1 ? null : number - 1);
    return before != null;
  }

  /** An answer without the reservations of hidden instances, each of which counts this look. */
  Answer without(Answer answer) {
    String text = answer.body();
    for (String instance : left.keySet()) {
      if (text.contains(instance) && look(instance)) {
        text =
            RESERVATION
                .matcher(text)
                .replaceAll(
                    item ->
                        Matcher.quoteReplacement(
                            item.group().contains(instance) ? "" : item.group()));
      }
    }
    return new Answer(answer.status(), answer.type(), text);
  }
}
