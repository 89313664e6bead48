package dev.whimbrel.postgres;

import static dev.whimbrel.postgres.DefinitionTree.endOfType;
import static dev.whimbrel.postgres.DefinitionTree.is;
import static dev.whimbrel.postgres.DefinitionTree.isBracket;
import static dev.whimbrel.postgres.DefinitionTree.isName;
import static dev.whimbrel.postgres.DefinitionTree.isOperand;
import static dev.whimbrel.postgres.DefinitionTree.isSingle;

import dev.whimbrel.postgres.DefinitionTree.Group;
import dev.whimbrel.postgres.DefinitionTree.Node;
import dev.whimbrel.postgres.DefinitionTree.Word;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

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
      Set.of(
          "AND",
          "OR",
          "NOT",
          "CASE",
          "WHEN",
          "THEN",
          "ELSE",
          "WHERE",
          "FROM",
          "VARIADIC",
          "default");

  /** Deeper ones are compared as they stand: each level is a call within a call here. */
  private static final int DEPTH = 500;

  private static final Set<String> TEXTS =
      Set.of("text", "character varying", "character", "bpchar");

  private final Set<String> castsLeftOut;

  private Definition(Set<String> castsLeftOut) {
    this.castsLeftOut = castsLeftOut;
  }

  /** Whether two definitions say the same. */
  static boolean same(String one, String other) {
    return one.equals(other) || normal(one).equals(normal(other));
  }

  /**
   * Whether they do but for casts to texts and to other types, and to arrays of them.
   *
   * @param types the other types, as SQL has their names
   */
  static boolean sameButForCasts(String one, String other, Set<String> types) {
    Definition definition =
        new Definition(
            Stream.concat(TEXTS.stream(), types.stream())
                .map(type -> String.join(" ", DefinitionTokens.of(type)))
                .collect(Collectors.toSet()));
    return definition.of(one).equals(definition.of(other));
  }

  /** The text in the one form that all texts of its meaning have. */
  static String normal(String text) {
    return new Definition(Set.of()).of(text);
  }

  private String of(String text) {
    List<String> all = DefinitionTokens.of(text);
    if (DefinitionTree.depth(all) > DEPTH) {
      return text;
    }
    Iterator<String> tokens = all.iterator();
    List<Node> nodes = undoubled(normal(DefinitionTree.parse(tokens)));
    if (tokens.hasNext()) {
      return text; // more is closed than was opened: nothing that a server writes
    }
    StringBuilder normal = new StringBuilder();
    DefinitionTree.write(nodes, normal);
    return normal.toString().strip();
  }

  private List<Node> normal(List<Node> nodes) {
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
        if (!isLeftOut(nodes.subList(i + 1, end))) {
          cast(out, nodes.subList(i, end));
        }
        i = end - 1;
      } else if (is(nodes.get(i), "NO") && i + 1 < nodes.size() && is(nodes.get(i + 1), "INDENT")) {
        i++; // of XMLSERIALIZE, which newer servers say and older ones do not know
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

  private static boolean takesArguments(List<Node> before) {
    return !before.isEmpty()
        && before.get(before.size() - 1) instanceof Word word
        && isName(word)
        && !BEFORE_OPERANDS.contains(word.text());
  }

  private boolean isLeftOut(List<Node> type) {
    return !castsLeftOut.isEmpty()
        && castsLeftOut.contains(
            type.stream()
                .filter(Word.class::isInstance)
                .map(word -> ((Word) word).text())
                .collect(Collectors.joining(" ")));
  }

  /** Adds a cast to what it is of; that of an array's own elements is read as one of each. */
  private static void cast(List<Node> out, List<Node> cast) {
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
      List<Node> operand =
          new ArrayList<>(isOperand(element) ? element : List.of(new Group(true, element)));
      cast(operand, type);
      out.addAll(operand);
      if (i < elements.size()) {
        out.add(elements.get(i));
        element = new ArrayList<>();
      }
    }
    return out;
  }
}
