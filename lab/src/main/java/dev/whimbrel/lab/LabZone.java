package dev.whimbrel.lab;

import dev.whimbrel.servers.UnboundServer;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.Record;

/** Where the service's name is kept, and who answers for it. */
interface LabZone extends AutoCloseable {

  /** The part of a runbook that says where the name is kept. */
  String entry();

  /** The port of a server on 127.0.0.1 that answers for the name with authority. */
  int port();

  /** What it says about a name now. */
  List<Record> records(String name, String type);

  /** Caching resolvers in front of that server, which the runbook names. */
  default List<UnboundServer> resolvers() {
    return List.of();
  }

  /**
   * The records of the service's name as they are kept, to the last byte: equal where nothing
   * differs.
   */
  String exact();

  /** Everything else in the zone, to see that nobody has touched it. */
  String bystanders();

  /** What a worker needs in its environment to change it. */
  Map<String, String> environment();

  /** What a worker's JVM needs to reach it. */
  default List<String> jvmOptions() {
    return List.of();
  }

  @Override
  void close();
}
