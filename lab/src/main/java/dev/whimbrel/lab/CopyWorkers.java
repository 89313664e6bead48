package dev.whimbrel.lab;

import dev.whimbrel.servers.ChildProcess;
import java.util.Optional;

/** The worker of a measured copy: one at a time. */
final class CopyWorkers implements AutoCloseable {
  private final Product product;
  private Optional<ChildProcess> running = Optional.empty();

  CopyWorkers(Product product) {
    this.product = product;
  }

  void start() {
    running = Optional.of(product.startWorker());
  }

  /** Kills it, and starts another one at once. */
  void replace() {
    close();
    start();
  }

  @Override
  public void close() {
    running.ifPresent(ChildProcess::kill9);
    running = Optional.empty();
  }
}
