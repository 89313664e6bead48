package dev.whimbrel.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * A certificate for {@code localhost} and 127.0.0.1, made once by each JVM with the JDK's keytool.
 * A client trusts it by its key store ({@code -Djavax.net.ssl.trustStore}), or, in this JVM, by
 * {@link #trustHere}.
 */
public final class LocalCertificate {
  private static final char[] PASSWORD = "changeit".toCharArray();
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String ALIAS = "localhost";
  private static @Nullable LocalCertificate made;

  private final Path directory;
  private final KeyStore keys;

  private LocalCertificate(Path directory, KeyStore keys) {
    this.directory = directory;
    this.keys = keys;
  }

  /**
   * This JVM's certificate.
   *
   * @throws IllegalStateException if keytool fails, with what it said
   */
  public static synchronized LocalCertificate make() {
    if (made == null) {
      Path directory = Directories.temporary("certificate");
      Runtime.getRuntime()
          .addShutdownHook(new Thread(() -> Directories.delete(directory), "delete-certificate"));
      Path store = directory.resolve("keys.p12");
      ChildProcess.run(
          List.of(
              Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
              "-genkeypair",
              "-alias",
              ALIAS,
              "-keyalg",
              "EC",
              "-dname",
              "CN=localhost",
              "-ext",
              "san=dns:localhost,ip:127.0.0.1",
              "-validity",
              "365",
              "-storetype",
              "PKCS12",
              "-keystore",
              store.toString(),
              "-storepass",
              new String(PASSWORD)),
          directory,
          LIMIT);
      made = new LocalCertificate(directory, read(store));
      made.writePublicParts();
    }
    return made;
  }

  /** The certificate alone, as OpenSSL reads it. */
  public Path pem() {
    return directory.resolve("certificate.pem");
  }

  /** The private key, as OpenSSL reads it, for servers that this JVM starts. */
  String privateKey() {
    try {
      return pem("PRIVATE KEY", keys.getKey(ALIAS, PASSWORD).getEncoded());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Cannot read the local certificate's key", e);
    }
  }

  private static String pem(String what, byte[] encoded) {
    String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded);
    return "-----BEGIN %s-----%n%s%n-----END %s-----%n".formatted(what, base64, what);
  }

  /** A key store with the certificate alone, in PKCS12, for {@code javax.net.ssl.trustStore}. */
  public Path trustStore() {
    return directory.resolve("trust.p12");
  }

  /** The password of {@link #trustStore}, which guards nothing. */
  public String trustStorePassword() {
    return new String(PASSWORD);
  }

  /** What a server of this JVM answers TLS with. */
  public SSLContext serving() {
    try {
      KeyManagerFactory factory =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      factory.init(keys, PASSWORD);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(factory.getKeyManagers(), null, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Cannot serve TLS", e);
    }
  }

  /** Clients of this JVM that are made from now on trust this certificate, and no other. */
  public void trustHere() {
    try {
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(read(trustStore()));
      TrustManager[] managers = factory.getTrustManagers();
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, Arrays.copyOf(managers, managers.length), null);
      SSLContext.setDefault(context);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Cannot trust the local certificate", e);
    }
  }

  private void writePublicParts() {
    try {
      KeyStore trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, PASSWORD);
      trusted.setCertificateEntry(ALIAS, keys.getCertificate(ALIAS));
      try (var out = Files.newOutputStream(trustStore())) {
        trusted.store(out, PASSWORD);
      }
      Files.writeString(pem(), pem("CERTIFICATE", keys.getCertificate(ALIAS).getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Cannot write the local certificate", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static KeyStore read(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(in, PASSWORD);
      return store;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Cannot read " + file, e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
