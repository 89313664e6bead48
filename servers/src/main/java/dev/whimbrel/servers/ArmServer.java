package dev.whimbrel.servers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stand-in for Azure Resource Manager, over HTTPS: it sees to tokens, versions, resource groups,
 * long operations and faults, and keeps a journal. What there is and what can be done with it is
 * said by the {@link ArmResources} that it is given.
 */
public final class ArmServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ArmServer.class);

  private final HttpsServer server;
  private final ExecutorService threads;
  private final ManagedIdentity identity;
  private final Map<String, ArmResources> byType = new TreeMap<>();
  private final Map<String, String> versions = new TreeMap<>();
  private final Set<String> groups = ConcurrentHashMap.newKeySet();
  private final ArmFaults faults = new ArmFaults();
  private final ArmOperations operations;
  private final List<ArmCall> journal = new CopyOnWriteArrayList<>();
  private final Set<String> called = ConcurrentHashMap.newKeySet();

  private ArmServer(HttpsServer server, ManagedIdentity identity) {
    this.server = server;
    this.identity = identity;
    this.operations = new ArmOperations(address());
    this.threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "arm-" + port());
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Starts it on a free port of 127.0.0.1, with this JVM's {@link LocalCertificate}.
   *
   * @param identity whose tokens are good
   */
  public static ArmServer start(ManagedIdentity identity, List<ArmResources> resources) {
    try {
      HttpsServer https =
          HttpsServer.create(new InetSocketAddress(Relay.localhost(), Ports.free()), 100);
      https.setHttpsConfigurator(new HttpsConfigurator(LocalCertificate.make().serving()));
      ArmServer server = new ArmServer(https, identity);
      for (ArmResources each : resources) {
        each.apiVersions()
            .forEach(
                (type, version) -> {
                  server.byType.put(type.toLowerCase(Locale.ROOT), each);
                  server.versions.put(type.toLowerCase(Locale.ROOT), version);
                });
      }
      https.createContext("/", server::handle);
      https.setExecutor(server.threads);
      https.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public int port() {
    return server.getAddress().getPort();
  }

  /** {@code https://localhost:PORT}. */
  public String address() {
    return "https://localhost:" + port();
  }

  /** Makes a resource group; without it everything in it is refused. */
  public void resourceGroup(String subscription, String name) {
    groups.add(new ArmId(subscription, name, "", List.of()).scope());
  }

  /** Where long operations can be slowed down and let go. */
  public ArmOperations operations() {
    return operations;
  }

  /**
   * Lets the next call of an operation go wrong.
   *
   * @param operation {@code PUT Microsoft.Network/dnsZones/A}; a star at the end stands for
   *     anything
   */
  public void fault(String operation, ArmFault fault) {
    faults.plant(operation, 0, 1, fault);
  }

  /** Lets calls go wrong, after so many that go well. */
  public void fault(String operation, int skip, int times, ArmFault fault) {
    faults.plant(operation, skip, times, fault);
  }

  /** From here on everything goes well. */
  public void clearFaults() {
    faults.clear();
  }

  /** Every call so far, the oldest first; looks at operations are left out. */
  public List<ArmCall> journal() {
    return List.copyOf(journal);
  }

  /** Every operation that was ever asked for, looks at operations too; see {@link ArmCall}. */
  public Set<String> called() {
    return Set.copyOf(called);
  }

  public void clearJournal() {
    journal.clear();
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      ArmRequest request;
      try {
        request = ArmHttp.read(exchange, faults);
      } catch (IllegalArgumentException e) {
        ArmHttp.send(
            exchange, ArmAnswer.error(400, "InvalidRequest", String.valueOf(e.getMessage())));
        return;
      }
      called.add(request.operation());
      ArmAnswer answer = answer(exchange, request);
      if (!ArmOperations.isAbout(request.id())) {
        journal.add(
            new ArmCall(
                request.operation(),
                request.path(),
                request.apiVersion(),
                request.ifMatch(),
                request.ifNoneMatch(),
                request.body(),
                answer == null ? 0 : answer.status(),
                answer == null ? null : answer.body()));
      }
      if (answer != null) {
        ArmHttp.send(exchange, answer);
      }
    } catch (RuntimeException e) {
      LOG.error("Cannot answer {} {}", exchange.getRequestMethod(), exchange.getRequestURI(), e);
      throw e;
    }
  }

  /** Null where the connection shall end without an answer. */
  private @Nullable ArmAnswer answer(HttpExchange exchange, ArmRequest request) {
    if (!isAuthorized(exchange.getRequestHeaders())) {
      return ArmAnswer.error(
              401,
              "AuthenticationFailed",
              "Authentication failed. The 'Authorization' header is missing or invalid.")
          .with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    }
    ArmFault fault = request.fault();
    if (fault == null) {
      return carryOut(request);
    }
    switch (fault.kind()) {
      case ANSWER -> {
        return fault.answer();
      }
      case DENIED -> {
        return ArmAnswer.denied(request);
      }
      case LOST_BEFORE -> {
        fault.deed().run();
        return null;
      }
      case LOST_AFTER -> {
        carryOut(request);
        return null;
      }
      case BEFORE -> {
        fault.deed().run();
        return carryOut(request);
      }
      case AFTER -> {
        ArmAnswer answer = carryOut(request);
        fault.deed().run();
        return answer;
      }
      case OPERATION_FAILS, OPERATION_HANGS -> {
        return carryOut(request);
      }
    }
    throw new IllegalStateException("No such fault: " + fault.kind());
  }

  private ArmAnswer carryOut(ArmRequest request) {
    ArmId id = request.id();
    if (ArmOperations.isAbout(id)) {
      return operations.answer(request);
    }
    if (id.type().startsWith("microsoft.resources/")) {
      return group(request);
    }
    String type = id.type();
    while (!byType.containsKey(type) && type.contains("/")) {
      type = type.substring(0, type.lastIndexOf('/'));
    }
    ArmResources resources = byType.get(type);
    if (resources == null) {
      return ArmAnswer.error(
          404,
          "InvalidResourceType",
          "The resource type '%s' could not be found in the namespace.".formatted(id.type()));
    }
    if (!request.apiVersion().equals(versions.get(type))) {
      return ArmAnswer.error(
          400,
          "NoRegisteredProviderFound",
          "No registered resource provider found for API version '%s' for type '%s'. The supported api-versions are '%s'."
              .formatted(request.apiVersion(), type, versions.get(type)));
    }
    if (id.group() != null && !groups.contains(id.scope())) {
      return ArmAnswer.error(
          404,
          "ResourceGroupNotFound",
          "Resource group '%s' could not be found.".formatted(id.group()));
    }
    return resources.answer(request, operations);
  }

  private ArmAnswer group(ArmRequest request) {
    boolean subscription = request.id().type().equals(ArmId.SUBSCRIPTIONS);
    String scope =
        ("/subscriptions/" + request.id().subscription()).toLowerCase(Locale.ROOT)
            + (subscription ? "" : "/resourcegroups/" + request.id().key(0));
    boolean there =
        subscription
            ? groups.stream().anyMatch(each -> each.startsWith(scope + "/"))
            : groups.contains(scope);
    if (!there) {
      return ArmAnswer.error(
          404, "ResourceGroupNotFound", "'%s' could not be found.".formatted(request.path()));
    }
    ObjectNode body = ArmAnswer.JSON.createObjectNode();
    body.put("id", scope).put("name", scope.substring(scope.lastIndexOf('/') + 1));
    body.put("location", "global").putObject("properties").put("provisioningState", "Succeeded");
    return ArmAnswer.ok(body);
  }

  private boolean isAuthorized(Headers headers) {
    String header = headers.getFirst("Authorization");
    return header != null
        && header.startsWith("Bearer ")
        && identity.isGood(header.substring("Bearer ".length()));
  }

  @Override
  public void close() {
    server.stop(0);
    operations.close();
    threads.shutdownNow();
  }
}
