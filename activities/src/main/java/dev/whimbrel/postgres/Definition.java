package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * What the text of a definition says, as a server writes it down: a default, a condition, an index,
 * a trigger, a type. Two texts of one meaning differ in what a dump and a restore change: white
 * space, parentheses around a single operand, around parentheses or within a chain of ANDs or ORs,
 * quotes that no name needs, and the place of an array's cast, which the second reading gives to
 * each of its elements. All else counts: servers put parentheses around every operator and write
 * every cast down.
 */
final class Definition {
  /** Servers write their own words in capitals, and quote a name that has any. */
  private static final Set<String> BEFORE_OPERANDS =
      Set.of("AND", "OR", "NOT", "CASE", "WHEN", "THEN", "ELSE", "WHERE", "FROM", "default");

  private Definition() {}

  /** Whether two definitions say the same. */
  static boolean same(String one, String other) {
    return one.equals(other) || normal(one).equals(normal(other));
  }

  /** The text in the one form that all texts of its meaning have. */
  static String normal(String text) {
    Iterator<String> tokens = DefinitionTokens.of(text).iterator();
    List<Node> all = undoubled(normal(parse(tokens)));
    if (tokens.hasNext()) {
      return text; // more is closed than was opened: nothing that a server writes
    }
    StringBuilder normal = new StringBuilder();
    write(all, normal);
    return normal.toString().strip();
  }

  private sealed interface Node permits Word, Group {}

  /** A word, a name, a literal, an operator or a sign. */
  private record Word(String text) implements Node {}

  /** What stands in parentheses or brackets. */
  private record Group(boolean round, List<Node> inside) implements Node {}

  private static List<Node> parse(Iterator<String> tokens) {
    List<Node> nodes = new ArrayList<>();
    while (tokens.hasNext()) {
      String token = tokens.next();
      if (token.equals("(") || token.equals("[")) {
        nodes.add(new Group(token.equals("("), parse(tokens)));
      } else if (token.equals(")") || token.equals("]")) {
        return nodes;
      } else {
        nodes.add(new Word(token));
      }
    }
    return nodes;
  }

  private static List<Node> normal(List<Node> nodes) {
    List<Node> out = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i) instanceof Group group) {
        List<Node> inside = undoubled(normal(group.inside()));
        boolean redundant =
            group.round()
                && !takesArguments(out)
                && isOperand(inside)
                && !(i + 1 < nodes.size() && is(nodes.get(i + 1), "."));
        if (redundant) {
          out.addAll(inside);
        } else {
          out.add(new Group(group.round(), inside));
        }
      } else if (is(nodes.get(i), "::")) {
        int end = endOfType(nodes, i + 1);
        out = cast(out, nodes.subList(i, end));
        i = end - 1;
      } else {
        out.add(nodes.get(i));
      }
    }
    return flat(flat(out, "AND", "OR"), "OR", "AND");
  }

  /**
   * Conditions of conditions in one chain, as a second reading has what the first one nested: a
   * BETWEEN among others.
   */
  private static List<Node> flat(List<Node> nodes, String word, String other) {
    if (!isChain(nodes, word, other)) {
      return nodes;
    }
    List<Node> out = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      boolean alone =
          (i == 0 || is(nodes.get(i - 1), word))
              && (i + 1 == nodes.size() || is(nodes.get(i + 1), word));
      if (alone
          && nodes.get(i) instanceof Group group
          && group.round()
          && isChain(group.inside(), word, other)) {
        out.addAll(group.inside());
      } else {
        out.add(nodes.get(i));
      }
    }
    return out;
  }

  private static boolean isChain(List<Node> nodes, String word, String other) {
    return nodes.stream().anyMatch(node -> is(node, word))
        && nodes.stream().noneMatch(node -> is(node, other) || is(node, ","));
  }

  /** Without further parentheses around all of it. */
  private static List<Node> undoubled(List<Node> inside) {
    List<Node> all = inside;
    while (all.size() == 1 && isSingle(all.get(0))) {
      all = ((Group) all.get(0)).inside();
    }
    return all;
  }

  /** Parentheses around one thing, and not around a list, which would be a row. */
  private static boolean isSingle(Node node) {
    return node instanceof Group group
        && group.round()
        && !group.inside().isEmpty()
        && group.inside().stream().noneMatch(each -> is(each, ","));
  }

  private static boolean takesArguments(List<Node> before) {
    return !before.isEmpty()
        && before.get(before.size() - 1) instanceof Word word
        && isName(word)
        && !BEFORE_OPERANDS.contains(word.text());
  }

  /** A literal, a name, a call or an array, with what is bound to it more tightly than anything. */
  private static boolean isOperand(List<Node> nodes) {
    if (nodes.isEmpty()) {
      return false;
    }
    int at = endOfPrimary(nodes);
    while (at > 0 && at < nodes.size()) {
      if (is(nodes.get(at), "::")) {
        at = endOfType(nodes, at + 1);
      } else if (isBracket(nodes.get(at))) {
        at++;
      } else {
        return false;
      }
    }
    return at == nodes.size();
  }

  /** Where the first of the nodes ends that could stand alone; 0 where there is none. */
  private static int endOfPrimary(List<Node> nodes) {
    if (!(nodes.get(0) instanceof Word first)) {
      return isSingle(nodes.get(0)) ? 1 : 0;
    }
    if (!isName(first)) {
      return DefinitionTokens.isLiteral(first.text()) ? 1 : 0;
    }
    int at = 1;
    while (at + 1 < nodes.size()
        && is(nodes.get(at), ".")
        && nodes.get(at + 1) instanceof Word next
        && isName(next)) {
      at += 2;
    }
    boolean called = at < nodes.size() && nodes.get(at) instanceof Group group && group.round();
    return called ? at + 1 : at;
  }

  private static int endOfType(List<Node> nodes, int start) {
    int at = Math.min(start + 1, nodes.size());
    while (at + 1 < nodes.size() && is(nodes.get(at), ".")) {
      at += 2;
    }
    at = skip(nodes, at, "varying", "precision");
    if (start < nodes.size() && is(nodes.get(start), "interval")) {
      at = skip(nodes, at, "year", "month", "day", "hour", "minute", "second", "to");
    }
    if (at < nodes.size() && nodes.get(at) instanceof Group length && length.round()) {
      at++;
    }
    if (at < nodes.size() && (is(nodes.get(at), "with") || is(nodes.get(at), "without"))) {
      at = skip(nodes, at, "with", "without", "time", "zone");
    }
    while (at < nodes.size() && isBracket(nodes.get(at)) && isEmpty(nodes.get(at))) {
      at++;
    }
    return at;
  }

  private static int skip(List<Node> nodes, int start, String... words) {
    int at = start;
    while (at < nodes.size()
        && nodes.get(at) instanceof Word word
        && Set.of(words).contains(word.text())) {
      at++;
    }
    return at;
  }

  /** Adds a cast to what it is of; that of an array's own elements is read as one of each. */
  private static List<Node> cast(List<Node> before, List<Node> cast) {
    List<Node> out = new ArrayList<>(before);
    int last = out.size() - 1;
    if (last > 0
        && is(out.get(last - 1), "ARRAY")
        && out.get(last) instanceof Group array
        && !array.round()
        && !array.inside().isEmpty()
        && isBracket(cast.get(cast.size() - 1))) {
      out.set(last, new Group(false, castElements(array.inside(), cast)));
    } else {
      out.addAll(cast);
    }
    return out;
  }

  private static List<Node> castElements(List<Node> elements, List<Node> cast) {
    List<Node> out = new ArrayList<>();
    List<Node> element = new ArrayList<>();
    for (int i = 0; i <= elements.size(); i++) {
      if (i < elements.size() && !is(elements.get(i), ",")) {
        element.add(elements.get(i));
        continue;
      }
      boolean nested = element.size() == 2 && is(element.get(0), "ARRAY");
      List<Node> type = nested ? cast : cast.subList(0, cast.size() - 1);
      List<Node> operand = isOperand(element) ? element : List.of(new Group(true, element));
      out.addAll(cast(operand, type));
      if (i < elements.size()) {
        out.add(elements.get(i));
        element = new ArrayList<>();
      }
    }
    return out;
  }

  private static boolean isName(Word word) {
    return DefinitionTokens.isName(word.text());
  }

  private static boolean isBracket(Node node) {
    return node instanceof Group group && !group.round();
  }

  private static boolean isEmpty(Node node) {
    return node instanceof Group group && group.inside().isEmpty();
  }

  private static boolean is(Node node, String text) {
    return node instanceof Word word && word.text().equals(text);
  }

  private static void write(List<Node> nodes, StringBuilder out) {
    for (Node node : nodes) {
      if (node instanceof Word word) {
        out.append(' ').append(word.text());
      } else if (node instanceof Group group) {
        out.append(group.round() ? " (" : " [");
        write(group.inside(), out);
        out.append(group.round() ? " )" : " ]");
      }
    }
  }
}
