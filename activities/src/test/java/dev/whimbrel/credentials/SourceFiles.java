package dev.whimbrel.credentials;

import dev.whimbrel.servers.AzureService;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The files that a worker's sources of credentials are described in. */
record SourceFiles(Path directory) {
  /** A token as Kubernetes writes it. */
  static final String GOOD =
      "eyJhbGciOiJSUzI1NiJ9." + CredentialFaultsTest.SECRET + ".c2lnbmF0dXJl";

  private static final String STALE =
      "eyJhbGciOiJSUzI1NiJ9." + CredentialFaultsTest.SECRET + "old.c2lnbmF0dXJl";

  String write(String name, String text) {
    try {
      return Files.writeString(directory.resolve(name), text).toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where a token will be. */
  Path token(String name) {
    return directory.resolve(name);
  }

  /** Puts a token there, or what goes wrong with it. */
  static void put(Path token, Fault fault) {
    try {
      switch (fault) {
        case NO_FILE -> Files.deleteIfExists(token);
        case EMPTY_FILE -> Files.writeString(token, "");
        case STALE_FILE -> Files.writeString(token, STALE);
        default -> Files.writeString(token, GOOD);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The same cloud of Azure's, whose directory is somewhere else. */
  String directoryAt(AzureService azure, int port) {
    try {
      Path cloud = Files.createDirectories(directory.resolve("azure-" + port));
      Files.copy(azure.configuration().resolve("config"), cloud.resolve("config"));
      String described = Files.readString(azure.configuration().resolve("clouds.config"));
      Files.writeString(
          cloud.resolve("clouds.config"),
          described.replaceAll(
              "endpoint_active_directory = .*",
              "endpoint_active_directory = https://localhost:" + port));
      return cloud.toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
