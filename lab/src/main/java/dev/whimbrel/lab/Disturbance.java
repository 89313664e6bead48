package dev.whimbrel.lab;

import dev.whimbrel.servers.PostgresServer;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What happens to a copy, each time that so much of the rows is copied.
 *
 * @param word how a table and a runbook's name call it
 * @param at when, in percent of the rows' bytes
 * @param what what happens
 */
record Disturbance(String word, List<Integer> at, What what) {
  /** Nothing happens. */
  static final Disturbance NONE = new Disturbance("undisturbed", List.of(), (world, workers) -> {});

  /** Something that happens to a world. */
  interface What {
    void happen(CopyWorld world, CopyWorkers workers);
  }

  /**
   * What a copy must bear: deaths of the worker at three moments, a crash of either server, and
   * connections that never answer again.
   */
  static List<Disturbance> all() {
    return List.of(
        workerKilled(30),
        workerKilled(60),
        workerKilled(90),
        workerKilled(30, 60, 90),
        new Disturbance(
            "source-restarted", List.of(60), (world, workers) -> restart(world.source())),
        new Disturbance(
            "target-restarted", List.of(60), (world, workers) -> restart(world.target())),
        new Disturbance(
            "connections-silent", List.of(60), (world, workers) -> world.abandonConnections()));
  }

  private static Disturbance workerKilled(Integer... at) {
    return new Disturbance("worker-killed", List.of(at), (world, workers) -> workers.replace());
  }

  /** As after a crash: the server has to recover. */
  private static void restart(PostgresServer server) {
    server.stopImmediate();
    server.start();
  }

  /** The word, and when. */
  String words() {
    return at.isEmpty() ? word : word + " at " + percents(" and ") + " %";
  }

  /** A part of a runbook's name. */
  String label() {
    return at.isEmpty() ? word : word + "-" + percents("-");
  }

  private String percents(String between) {
    return at.stream().map(String::valueOf).collect(Collectors.joining(between));
  }
}
