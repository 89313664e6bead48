package dev.whimbrel.lab;

import dev.whimbrel.servers.BindServer;
import dev.whimbrel.servers.PgBouncer;
import dev.whimbrel.servers.Ports;
import dev.whimbrel.servers.PostgresServer;
import dev.whimbrel.servers.Relay;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A whole small world: the shop's database on a source, an empty target, a DNS server with the
 * shop's name, the shop as a service on both sides, and, where asked for, a PgBouncer between
 * service and database. Both stacks write to the database that is the truth, as the runbook's
 * {@code connect} makes them.
 */
public final class LabWorld implements AutoCloseable {
  /** The zone that the lab's DNS server answers for. */
  public static final String ZONE = "example.test";

  /** The service's name. */
  public static final String NAME = "shop.example.test";

  /** The source's stack. */
  public static final String SOURCE_ADDRESS = "127.0.0.2";

  /** The target's stack. */
  public static final String TARGET_ADDRESS = "127.0.0.3";

  /** Where a worker that looks through wires finds the stacks and a page of somebody else's. */
  private static final List<String> WIRED = List.of("127.0.0.4", "127.0.0.5", "127.0.0.6");

  private static final String SOMEBODY_ELSE = "127.0.0.7";

  /** The variable that holds the key for updates of the zone. */
  static final String TSIG_SECRET = "WHIMBREL_SECRET_TSIG";

  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Path directory;
  private final PostgresServer source;
  private final PostgresServer target;
  private final @Nullable Relay sourceWire;
  private final @Nullable Relay targetWire;
  private final @Nullable LabZone zone;
  private final @Nullable LabBalancer balancer;
  private final @Nullable PgBouncer pooler;
  private final LabTemporal temporal;
  private final Product product;
  private final int servicePort = Ports.free();
  private final ShopService sourceStack;
  private final ShopService targetStack;
  private final List<Relay> lookWires = new ArrayList<>();

  private LabWorld(Builder options, Path directory) throws IOException {
    this.directory = directory;
    boolean complete = false;
    try {
      source = keep(options.server(options.sourceVersion).start());
      target = keep(options.server(options.targetVersion).start());
      Shop.create(source);
      Shop.createEmpty(target);
      sourceWire = options.wires ? keep(Relay.to(source.port(), options.oneWay)) : null;
      targetWire = options.wires ? keep(Relay.to(target.port(), options.oneWay)) : null;
      zone = options.dns ? keep(options.zone.apply(options)) : null;
      balancer = options.balanced ? keep(new LabBalancer(servicePort)) : null;
      pooler = options.pooled ? keep(pooler(source)) : null;
      Files.writeString(directory.resolve("source.url"), source.jdbcUrl(Shop.DATABASE));
      Files.writeString(directory.resolve("target.url"), farUrl(target, targetWire));
      Files.writeString(currentUrl(), source.jdbcUrl(Shop.DATABASE));
      temporal = keep(options.realTemporal ? LabTemporal.real() : LabTemporal.best());
      product =
          new Product(
              directory,
              temporal.target(),
              zone == null ? Map.of() : zone.environment(),
              options.jvmOptions(zone));
      sourceStack = keep(ShopService.start(SOURCE_ADDRESS, servicePort, this::connectAsShop));
      targetStack = keep(ShopService.start(TARGET_ADDRESS, servicePort, this::connectAsShop));
      if (options.looksThroughWires) {
        keep(ShopService.start(SOMEBODY_ELSE, servicePort, this::connectAsShop));
        List<String> behind = List.of(SOURCE_ADDRESS, TARGET_ADDRESS, SOMEBODY_ELSE);
        for (int i = 0; i < WIRED.size(); i++) {
          lookWires.add(keep(Relay.between(WIRED.get(i), behind.get(i), servicePort)));
        }
      }
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  /** Applications live at the source: to the target they have the same way as everybody else. */
  private static String farUrl(PostgresServer server, @Nullable Relay wire) {
    return wire == null
        ? server.jdbcUrl(Shop.DATABASE)
        : "jdbc:postgresql://127.0.0.1:%d/%s".formatted(wire.port(), Shop.DATABASE);
  }

  private static PgBouncer pooler(PostgresServer server) {
    return PgBouncer.to(server.port(), Shop.DATABASE).user(Shop.APPLICATION).start();
  }

  /** A world with PostgreSQL 15 and 16 and a DNS server, without a pooler. */
  public static Builder build() {
    return new Builder();
  }

  /** Options; {@link #start} makes the world. */
  public static final class Builder {
    private int sourceVersion = 15;
    private int targetVersion = 16;
    private boolean pooled;
    private boolean dns = true;
    private boolean laggingDns;
    private Function<Builder, LabZone> zone = plan -> new LabNames(plan.ttl, plan.laggingDns);
    private boolean balanced;
    private int ttl = 3;
    private boolean wires;
    private boolean realTemporal;
    private boolean asShipped;
    private boolean looksThroughWires;
    private boolean durable;
    private Duration oneWay = Duration.ZERO;

    private Builder() {}

    /** The versions of both servers: 13, 15, 16 or 18. */
    public Builder versions(int newSource, int newTarget) {
      sourceVersion = newSource;
      targetVersion = newTarget;
      return this;
    }

    /** Puts a PgBouncer in transaction mode between service and database. */
    public Builder pooled() {
      pooled = true;
      return this;
    }

    /** Workers whose JVM is as the launcher starts it, where memory is measured. */
    public Builder asShipped() {
      asShipped = true;
      return this;
    }

    private List<String> jvmOptions(@Nullable LabZone zone) {
      List<String> all = new ArrayList<>(zone == null ? List.of() : zone.jvmOptions());
      if (asShipped) {
        all.addAll(Product.AS_SHIPPED);
      }
      return all;
    }

    /** Leaves the DNS server out; the service's name is not moved then. */
    public Builder withoutDns() {
      dns = false;
      return this;
    }

    /** The service's TTL in seconds before the move; 3 unless told. */
    Builder ttl(int seconds) {
      ttl = seconds;
      return this;
    }

    /** Keeps the service's name at Route 53. */
    Builder atRoute53() {
      return atRoute53(0);
    }

    /** Keeps the service's name at Route 53, with so many caching resolvers between. */
    Builder atRoute53(int resolvers) {
      zone = plan -> new Route53Zone(plan.ttl, resolvers);
      return this;
    }

    /** Keeps the service's name at Azure DNS. */
    Builder atAzure() {
      zone = plan -> new AzureDnsZone(plan.ttl);
      return this;
    }

    /** Puts a HAProxy in front of both stacks; there is no name then. */
    Builder balanced() {
      balanced = true;
      dns = false;
      return this;
    }

    /**
     * Lets a secondary and a resolver lag behind the DNS server.
     *
     * @param seconds the service's TTL before the move
     */
    Builder laggingDns(int seconds) {
      laggingDns = true;
      ttl = seconds;
      return this;
    }

    /**
     * Puts wires between the worker and the pages that it looks at; clients reach both stacks
     * without them. Needs a balancer.
     */
    Builder lookingThroughWires() {
      looksThroughWires = true;
      return this;
    }

    /** Fails where the real Temporal server is missing, instead of taking the in-process one. */
    public Builder onRealTemporal() {
      realTemporal = true;
      return this;
    }

    /** Lets both servers wait for the disk at every commit, as in production. */
    public Builder durable() {
      durable = true;
      return this;
    }

    private PostgresServer.Builder server(int version) {
      return PostgresServer.version(version).set("fsync", durable ? "on" : "off");
    }

    /** Puts wires between Whimbrel and each server, and between the servers, with this delay. */
    public Builder wires(Duration newOneWay) {
      wires = true;
      oneWay = newOneWay;
      return this;
    }

    /** Starts everything; a failure takes down what was up already. */
    public LabWorld start() {
      try {
        return new LabWorld(this, Files.createTempDirectory("whimbrel-lab-"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private <T extends AutoCloseable> T keep(T started) {
    running.push(started);
    return started;
  }

  public PostgresServer source() {
    return source;
  }

  public PostgresServer target() {
    return target;
  }

  /** The wire to the source, where the world was built with wires. */
  public Relay sourceWire() {
    return there(sourceWire, "wires");
  }

  /** The wire to the target, where the world was built with wires. */
  public Relay targetWire() {
    return there(targetWire, "wires");
  }

  /** The DNS server. */
  public BindServer dns() {
    return names().primary();
  }

  /** The service's name and its servers, where the DNS server is a BIND. */
  LabNames names() {
    if (zone() instanceof LabNames names) {
      return names;
    }
    throw new IllegalStateException("This world was built without a BIND");
  }

  /** Where the service's name is kept. */
  LabZone zone() {
    return there(zone, "a DNS server");
  }

  /** What balances between both stacks. */
  LabBalancer balancer() {
    return there(balancer, "a balancer");
  }

  boolean isBalanced() {
    return balancer != null;
  }

  /** The source's stack, or the target's. */
  ShopService stack(boolean onTarget) {
    return onTarget ? targetStack : sourceStack;
  }

  public boolean hasDns() {
    return zone != null;
  }

  public LabTemporal temporal() {
    return temporal;
  }

  /** Whimbrel's worker and commands. */
  public Product product() {
    return product;
  }

  /** Where the service listens, on either side's address. */
  public int servicePort() {
    return servicePort;
  }

  /** What the worker looks through: the way to both stacks, and to a page of somebody else's. */
  List<Relay> lookWires() {
    return lookWires;
  }

  /** Where the worker finds the source's stack. */
  String sourceAddress() {
    return lookWires.isEmpty() ? SOURCE_ADDRESS : WIRED.get(0);
  }

  /** Where the worker finds the target's stack. */
  String targetAddress() {
    return lookWires.isEmpty() ? TARGET_ADDRESS : WIRED.get(1);
  }

  /** What tells a guard that the worker's own network is gone; nothing without wires. */
  String controlEntry() {
    return lookWires.isEmpty()
        ? ""
        : ", control: \"http://%s:%d/healthz\"".formatted(WIRED.get(2), servicePort);
  }

  private static <T> T there(@Nullable T part, String what) {
    if (part == null) {
      throw new IllegalStateException("This world was built without " + what);
    }
    return part;
  }

  /** Connects to where applications find the database now, as the application's role. */
  public Connection connectAsShop() throws SQLException {
    if (pooler != null) {
      return Place.at(pooler.jdbcUrl(), Shop.APPLICATION).connect();
    }
    try {
      return Place.at(Files.readString(currentUrl()).trim(), Shop.APPLICATION).connect();
    } catch (IOException e) {
      throw new SQLException("cannot read " + currentUrl(), "08001", e);
    }
  }

  private Path currentUrl() {
    return directory.resolve("current.url");
  }

  /** The address that the DNS server gives for the service's name now. */
  public String serviceAddress() {
    return zone().records(NAME, "A").get(0).rdataToString();
  }

  /** Holds the ledger against the source. */
  public Judgement judgeSource(Ledger ledger) throws SQLException {
    try (Connection database = source.connect(Shop.DATABASE)) {
      return ledger.judge(database);
    }
  }

  /** Holds the ledger against the target. */
  public Judgement judgeTarget(Ledger ledger) throws SQLException {
    try (Connection database = target.connect(Shop.DATABASE)) {
      return ledger.judge(database);
    }
  }

  /** Writes a runbook for the move of this world and returns its file. */
  public Path write(LabRunbook runbook) {
    try {
      return Files.writeString(directory.resolve(runbook.name() + ".yaml"), runbook.text(this));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String sourceUrl() {
    return url(source, sourceWire);
  }

  String targetUrl() {
    return url(target, targetWire);
  }

  private static String url(PostgresServer server, @Nullable Relay wire) {
    int port = wire == null ? server.port() : wire.port();
    return "postgresql://postgres@127.0.0.1:" + port + "/" + Shop.DATABASE;
  }

  /** The entry of {@code connect} that makes this world's applications follow. */
  String connectEntry() {
    if (pooler != null) {
      return "{pgbouncer: {admin: \"%s\", database: %s, switch: {file: \"%s\"}}}"
          .formatted(pooler.adminUrl(), Shop.DATABASE, pooler.iniFile());
    }
    return "{command: {do: [sh, -c, \"%s\"], undo: [sh, -c, \"%s\"]}}"
        .formatted(point("target"), point("source"));
  }

  private String point(String side) {
    // By renaming: nobody ever reads half a file.
    return "cp %1$s/%2$s.url %1$s/next.url && mv %1$s/next.url %1$s/current.url"
        .formatted(directory, side);
  }

  /** Takes everything down, last first. */
  @Override
  public void close() {
    while (!running.isEmpty()) {
      AutoCloseable next = running.pop();
      try {
        next.close();
      } catch (Exception e) {
        // AutoCloseable allows any; one that will not stop must not keep the others up.
        System.err.println("lab: " + e);
      }
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(each);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
