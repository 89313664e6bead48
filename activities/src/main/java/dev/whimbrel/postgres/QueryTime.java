package dev.whimbrel.postgres;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * How long a server takes for a query, without the way of its rows, and by which plan.
 *
 * @param millis planning and execution
 * @param steps what the plan does, from the top down
 */
record QueryTime(double millis, List<String> steps) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Less than this nobody notices. */
  private static final double NOTICED = 20;

  private static final int TIMES = 2;

  /** Runs it once more on the server, where it leaves its rows. */
  static QueryTime of(Connection session, String sql) throws SQLException {
    try (Statement statement = session.createStatement()) {
      statement.setEscapeProcessing(false);
      try (ResultSet row =
          statement.executeQuery("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + sql)) {
        row.next();
        return parse(row.getString(1));
      }
    }
  }

  /** Reads the server's answer. */
  static QueryTime parse(String answer) {
    try {
      JsonNode top = JSON.readTree(answer).path(0);
      List<String> steps = new ArrayList<>();
      add(top.path("Plan"), steps);
      return new QueryTime(
          top.path("Planning Time").asDouble() + top.path("Execution Time").asDouble(), steps);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("EXPLAIN has answered with something else than JSON", e);
    }
  }

  private static void add(JsonNode node, List<String> steps) {
    String step = node.path("Node Type").asText();
    if (node.has("Relation Name")) {
      step += " on " + node.path("Relation Name").asText();
    }
    if (node.has("Index Name")) {
      step += " by " + node.path("Index Name").asText();
    }
    steps.add(step);
    node.path("Plans").forEach(below -> add(below, steps));
  }

  /** Whether this one, of the target, is slower by so much that somebody should know. */
  boolean isSlowerThan(QueryTime source) {
    return millis > TIMES * source.millis && millis - source.millis > NOTICED;
  }

  /** Where to look first. */
  String hint(QueryTime source) {
    for (int i = 0; i < Math.max(steps.size(), source.steps.size()); i++) {
      String here = i < steps.size() ? steps.get(i) : "nothing more";
      String there = i < source.steps.size() ? source.steps.get(i) : "nothing more";
      if (!here.equals(there)) {
        return "its plan is another one (%s, on the source %s): look for statistics, indexes and settings of the planner"
            .formatted(here, there);
      }
    }
    return "by the same plan: look for memory, cache and disk";
  }
}
