package dev.whimbrel.lab;

import dev.whimbrel.servers.Ports;
import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.temporal.api.enums.v1.IndexedValueType;
import io.temporal.api.operatorservice.v1.AddSearchAttributesRequest;
import io.temporal.api.operatorservice.v1.OperatorServiceGrpc;
import io.temporal.internal.testservice.GRPCServerHelper;
import io.temporal.internal.testservice.TestServicesStarter;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * The SDK's test server on a port of 127.0.0.1, in real time. Built by hand from the SDK's
 * services, since {@code TestServer.createPortBoundServer} (1.38) listens on every address of the
 * machine.
 */
final class InProcessTemporal implements AutoCloseable {
  private final TestServicesStarter services = new TestServicesStarter(true, 0);
  private final int port = Ports.free();
  private final Server server;

  private InProcessTemporal() {
    try {
      InetAddress localhost = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
      NettyServerBuilder builder =
          NettyServerBuilder.forAddress(new InetSocketAddress(localhost, port));
      GRPCServerHelper.registerServicesAndHealthChecks(services.getServices(), builder);
      server = builder.build().start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts a server that knows Whimbrel's search attributes. */
  static InProcessTemporal start() {
    InProcessTemporal started = new InProcessTemporal();
    started.registerSearchAttributes();
    return started;
  }

  String target() {
    return "127.0.0.1:" + port;
  }

  private void registerSearchAttributes() {
    WorkflowServiceStubs stubs =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(target()).build());
    try {
      AddSearchAttributesRequest.Builder request =
          AddSearchAttributesRequest.newBuilder().setNamespace("default");
      for (String name : List.of("WhimbrelPhase", "WhimbrelState", "WhimbrelService")) {
        request.putSearchAttributes(name, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD);
      }
      var unused =
          OperatorServiceGrpc.newBlockingStub(stubs.getRawChannel())
              .addSearchAttributes(request.build());
    } finally {
      stubs.shutdownNow();
    }
  }

  @Override
  public void close() {
    server.shutdownNow();
    services.close();
  }
}
