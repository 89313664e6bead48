package dev.whimbrel.traffic;

import dev.whimbrel.activity.Failures;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One HAProxy process, by its runtime API. Its errors are plain text without a status, so that
 * whatever was set is read back.
 */
final class HaproxyProcess {
  /** Every command is answered at once; one lost packet costs a second. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final Pattern WEIGHT = Pattern.compile("(\\d+) \\(initial (\\d+)\\)");

  private final String admin;
  private final String backend;

  /**
   * @param admin {@code host:port} of the stats socket
   */
  HaproxyProcess(String admin, String backend) {
    this.admin = admin;
    this.backend = backend;
  }

  /**
   * What a process says of itself and of some servers.
   *
   * @param pid its process id
   * @param started when it started, by this machine's clock, to the second
   * @param now the weights in force
   * @param initial the weights that it has read from its configuration
   * @param notUp servers that get nothing whatever their weight is, and why
   */
  record State(
      String pid,
      Instant started,
      Map<String, Integer> now,
      Map<String, Integer> initial,
      Map<String, String> notUp) {}

  /** Its address, as the runbook has it. */
  String admin() {
    return admin;
  }

  /**
   * Reads everything.
   *
   * @throws io.temporal.failure.ApplicationFailure {@code Transient} if it does not answer; {@code
   *     NeedsHelp} with its own words if it has no such backend or server
   */
  State read(List<String> servers) {
    Map<String, Integer> now = new LinkedHashMap<>();
    Map<String, Integer> initial = new LinkedHashMap<>();
    for (String server : servers) {
      String command = "get weight " + backend + "/" + server;
      String answer = ask(command);
      Matcher weight = WEIGHT.matcher(answer);
      if (!weight.matches()) {
        throw refused(command, answer, server);
      }
      now.put(server, Integer.valueOf(weight.group(1)));
      initial.put(server, Integer.valueOf(weight.group(2)));
    }
    Map<String, String> info = info();
    return new State(
        info.getOrDefault("Pid", ""),
        Instant.now().minusSeconds(Long.parseLong(info.getOrDefault("Uptime_sec", "0"))),
        now,
        initial,
        notUp(servers));
  }

  /**
   * Sets weights, those that grow first: at no moment has nobody any.
   *
   * @param before the weights in force
   * @throws io.temporal.failure.ApplicationFailure {@code NeedsHelp} with its own words if it
   *     refuses
   */
  void set(Map<String, Integer> before, Map<String, Integer> wanted) {
    for (boolean growing : new boolean[] {true, false}) {
      for (Map.Entry<String, Integer> each : wanted.entrySet()) {
        int change = each.getValue() - before.getOrDefault(each.getKey(), 0);
        if (change != 0 && change > 0 == growing) {
          String command = command(each.getKey(), each.getValue());
          String answer = ask(command);
          if (!answer.isEmpty()) {
            throw refused(command, answer, each.getKey());
          }
        }
      }
    }
  }

  /** Servers that get nothing although they have a weight, each with why. */
  List<String> out(State state, Map<String, Integer> weights) {
    return state.notUp().entrySet().stream()
        .filter(each -> weights.getOrDefault(each.getKey(), 0) > 0)
        .map(
            each ->
                "HAProxy at %s: server %s/%s is %s"
                    .formatted(admin, backend, each.getKey(), each.getValue()))
        .toList();
  }

  /** A line for a shell that sets one server's weight. */
  String byHand(String server, int weight) {
    int colon = admin.lastIndexOf(':');
    return "echo '%s' | nc %s %s"
        .formatted(command(server, weight), admin.substring(0, colon), admin.substring(colon + 1));
  }

  private String command(String server, int weight) {
    return "set server %s/%s weight %d".formatted(backend, server, weight);
  }

  private Map<String, String> info() {
    String command = "show info";
    String answer = ask(command);
    Map<String, String> info = new LinkedHashMap<>();
    for (String line : answer.lines().toList()) {
      int colon = line.indexOf(": ");
      if (colon > 0) {
        info.put(line.substring(0, colon), line.substring(colon + 2));
      }
    }
    if (!info.containsKey("Pid") || !info.getOrDefault("Uptime_sec", "").matches("\\d+")) {
      throw refused(command, answer, "");
    }
    return info;
  }

  private Map<String, String> notUp(List<String> servers) {
    String command = "show servers state " + backend;
    String answer = ask(command);
    List<String> columns = List.of();
    Map<String, String> notUp = new LinkedHashMap<>();
    for (String line : answer.lines().toList()) {
      if (line.startsWith("# ")) {
        columns = Arrays.asList(line.substring(2).split(" "));
        continue;
      }
      List<String> values = Arrays.asList(line.split(" "));
      if (columns.isEmpty() || values.size() < columns.size()) {
        continue;
      }
      String name = values.get(columns.indexOf("srv_name"));
      int admin = Integer.parseInt(values.get(columns.indexOf("srv_admin_state")));
      boolean runs = !values.get(columns.indexOf("srv_op_state")).equals("0");
      if (servers.contains(name) && (admin != 0 || !runs)) {
        notUp.put(name, (admin & 0x07) != 0 ? "in maintenance" : admin != 0 ? "draining" : "down");
      }
    }
    if (columns.isEmpty()) {
      throw refused(command, answer, "");
    }
    return notUp;
  }

  private RuntimeException refused(String command, String answer, String server) {
    String remedy = "see what HAProxy says, then retry";
    String line = null;
    if (answer.contains("Permission denied")) {
      remedy = "let the worker in at level admin, in haproxy.cfg's section global, and reload";
      line = "stats socket ipv4@" + admin + " level admin";
    } else if (answer.contains("No such backend")) {
      remedy =
          "write the backend's name into traffic.haproxy.backend, or the backend into haproxy.cfg";
      line = "backend " + backend;
    } else if (answer.contains("No such server") && !server.isEmpty()) {
      remedy = "write the server into haproxy.cfg's backend %s and reload".formatted(backend);
      line = "server %s <address>:<port> weight 0".formatted(server);
    } else if (answer.contains("static LB algorithm")) {
      remedy =
          "let backend %s balance by an algorithm that takes weights, and reload"
              .formatted(backend);
      line = "balance roundrobin";
    }
    return Failures.needsHelp(
        "HAProxy at %s says '%s' to `%s`".formatted(admin, firstLine(answer), command),
        remedy,
        line);
  }

  private static String firstLine(String text) {
    return text.lines().findFirst().orElse("nothing");
  }

  private String ask(String command) {
    try (Socket socket = new Socket()) {
      int colon = admin.lastIndexOf(':');
      String host = admin.substring(0, colon).replaceAll("^\\[|]$", "");
      socket.connect(
          new InetSocketAddress(host, Integer.parseInt(admin.substring(colon + 1))),
          (int) PATIENCE.toMillis());
      socket.setSoTimeout((int) PATIENCE.toMillis());
      socket.getOutputStream().write((command + "\n").getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      // Also an answer that says nothing is a line of its own.
      if (!answer.endsWith("\n")) {
        throw new EOFException("the connection was closed before the answer was complete");
      }
      return answer.strip();
    } catch (IOException e) {
      throw Failures.transientFailure(
          "HAProxy at %s does not answer `%s`: %s".formatted(admin, command, e.getMessage()));
    }
  }
}
