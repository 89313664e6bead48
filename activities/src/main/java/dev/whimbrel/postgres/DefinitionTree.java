package dev.whimbrel.postgres;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/** The tokens of a definition as what stands in parentheses and brackets nests them. */
final class DefinitionTree {
  private DefinitionTree() {}

  sealed interface Node permits Word, Group {}

  /** A word, a name, a literal, an operator or a sign. */
  record Word(String text) implements Node {}

  /** What stands in parentheses or brackets. */
  record Group(boolean round, List<Node> inside) implements Node {}

  /** How deep the tokens nest at most. */
  static int depth(List<String> tokens) {
    int depth = 0;
    int most = 0;
    for (String token : tokens) {
      if (token.equals("(") || token.equals("[")) {
        most = Math.max(most, ++depth);
      } else if (token.equals(")") || token.equals("]")) {
        depth--;
      }
    }
    return most;
  }

  /** Reads what is left up to the end of what is open; its tokens are gone then. */
  static List<Node> parse(Iterator<String> tokens) {
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

  /** Parentheses around one thing, and not around a list, which would be a row. */
  static boolean isSingle(Node node) {
    return node instanceof Group group
        && group.round()
        && !group.inside().isEmpty()
        && group.inside().stream().noneMatch(each -> is(each, ","));
  }

  /** A literal, a name, a call or an array, with what is bound to it more tightly than anything. */
  static boolean isOperand(List<Node> nodes) {
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

  /** Behind a type that begins there. */
  static int endOfType(List<Node> nodes, int start) {
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

  static boolean isName(Word word) {
    return DefinitionTokens.isName(word.text());
  }

  static boolean isBracket(Node node) {
    return node instanceof Group group && !group.round();
  }

  private static boolean isEmpty(Node node) {
    return node instanceof Group group && group.inside().isEmpty();
  }

  static boolean is(Node node, String text) {
    return node instanceof Word word && word.text().equals(text);
  }

  static void write(List<Node> nodes, StringBuilder out) {
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
