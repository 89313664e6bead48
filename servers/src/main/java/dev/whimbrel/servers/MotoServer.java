package dev.whimbrel.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** moto as a server of its own on 127.0.0.1, empty at its start: the stand-in for EC2. */
final class MotoServer implements AutoCloseable {
  /** Python reads a thousand files at the first start. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /**
   * What Amazon offers here. Of its own, moto makes hundreds, with snapshots, at its first look.
   */
  private static final String IMAGES =
      """
      [{"ami_id": "ami-0123456789abcdef0", "name": "linux-x86_64", "architecture": "x86_64",
        "owner_id": "801119661308", "public": true, "root_device_type": "ebs",
        "virtualization_type": "hvm", "hypervisor": "xen"}]
      """;

  private final Path directory = Directories.temporary("moto");
  private final int port = Ports.free();
  private final ChildProcess process;

  private MotoServer(Path program) {
    this.process =
        ChildProcess.start(
            "moto on port " + port,
            List.of(program.toString(), "-H", "127.0.0.1", "-p", Integer.toString(port)),
            Map.of(
                "MOTO_AMIS_PATH", images().toString(),
                "MOTO_ENABLE_AMI_VALIDATION", "true",
                "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true",
                "MOTO_ENABLE_KEYPAIR_VALIDATION", "true"),
            directory,
            directory.resolve("moto.log"));
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws IllegalStateException if moto is not installed or does not come up
   */
  static MotoServer start() {
    MotoServer server = new MotoServer(Program.MOTO.path());
    try {
      Await.until("moto", LIMIT, server.process, server::answers);
      return server;
    } catch (RuntimeException e) {
      server.close();
      throw e;
    }
  }

  private Path images() {
    try {
      return Files.writeString(directory.resolve("images.json"), IMAGES);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + port);
  }

  private boolean answers() {
    try {
      return HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(endpoint().resolve("/moto-api/data.json")).build(),
                  HttpResponse.BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (IOException e) {
      return false; // does not listen yet
    } catch (InterruptedException e) {
      throw ChildProcess.interrupted("wait for moto", e);
    }
  }

  @Override
  public void close() {
    process.end("TERM", Duration.ofSeconds(5));
    Directories.delete(directory);
  }
}
