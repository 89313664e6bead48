package dev.whimbrel.checks;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A complete answer over HTTP/1.1.
 *
 * @param status its status
 * @param setCookies the values of its {@code Set-Cookie} headers
 * @param body the first mebibyte of its body, as UTF-8
 * @param took from sending the request to the answer's end, without name, connection and handshake
 */
record HttpAnswer(int status, List<String> setCookies, String body, Duration took) {
  /** More of a body than this is not read; the answer counts as complete. */
  private static final long LARGEST_BODY = 8L << 20;

  private static final int LARGEST_KEPT = 1 << 20;

  private static final int LONGEST_LINE = 16 << 10;

  /** The header that sends this answer's cookies back; nothing where it set none. */
  List<String> cookieHeader() {
    if (setCookies.isEmpty()) {
      return List.of();
    }
    return List.of(
        "Cookie: "
            + setCookies.stream()
                .map(each -> each.split(";", 2)[0].strip())
                .collect(Collectors.joining("; ")));
  }

  /**
   * Reads one answer to its end.
   *
   * @param sent when the request was sent, by {@link System#nanoTime}
   * @throws IOException with a message for people when it is not complete
   */
  static HttpAnswer read(InputStream in, long sent) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    List<String> cookies = new ArrayList<>();
    int status;
    do {
      status = status(line(in));
      long length = -1;
      boolean chunked = false;
      for (String line = line(in); !line.isEmpty(); line = line(in)) {
        String header = line.toLowerCase(Locale.ROOT);
        if (header.startsWith("content-length:")) {
          length = number(header.substring("content-length:".length()), 10);
        } else if (header.startsWith("transfer-encoding:")) {
          chunked = header.contains("chunked");
        } else if (header.startsWith("set-cookie:")) {
          cookies.add(line.substring("set-cookie:".length()).strip());
        }
      }
      if (status >= 200) {
        body(in, status, chunked, length, body);
      }
    } while (status < 200);
    return new HttpAnswer(
        status,
        List.copyOf(cookies),
        body.toString(StandardCharsets.UTF_8),
        Duration.ofNanos(System.nanoTime() - sent));
  }

  private static void body(
      InputStream in, int status, boolean chunked, long length, ByteArrayOutputStream kept)
      throws IOException {
    if (status == 204 || status == 304) {
      return;
    }
    if (chunked) {
      long size;
      long read = 0;
      do {
        size = number(line(in).replaceFirst(";.*", ""), 16);
        copy(in, Math.min(size, LARGEST_BODY), kept);
        line(in);
        read += size;
      } while (size > 0 && read < LARGEST_BODY);
    } else if (length >= 0) {
      copy(in, Math.min(length, LARGEST_BODY), kept);
    } else {
      byte[] buffer = new byte[8192];
      long read = 0;
      for (int n = in.read(buffer); n >= 0 && read < LARGEST_BODY; n = in.read(buffer)) {
        read += n;
        keep(buffer, n, kept);
      }
    }
  }

  private static void copy(InputStream in, long bytes, ByteArrayOutputStream kept)
      throws IOException {
    byte[] buffer = new byte[8192];
    long left = bytes;
    while (left > 0) {
      int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (n < 0) {
        throw new EOFException("the answer broke off in its body");
      }
      keep(buffer, n, kept);
      left -= n;
    }
  }

  private static void keep(byte[] buffer, int length, ByteArrayOutputStream kept) {
    kept.write(buffer, 0, Math.min(length, LARGEST_KEPT - Math.min(LARGEST_KEPT, kept.size())));
  }

  private static int status(String line) throws IOException {
    if (!line.matches("HTTP/1\\.[01] [1-5]\\d\\d( .*)?")) {
      throw new IOException("the answer is not HTTP/1.1");
    }
    return Integer.parseInt(line.substring(9, 12));
  }

  private static long number(String text, int radix) throws IOException {
    try {
      return Long.parseLong(text.strip(), radix);
    } catch (NumberFormatException e) {
      throw new IOException("the answer is not HTTP/1.1: it holds a length that is no number", e);
    }
  }

  private static String line(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new IOException("the connection was closed before the answer was complete");
      }
      if (line.length() == LONGEST_LINE) {
        throw new IOException("the answer holds a line that is too long");
      }
      line.append((char) c);
    }
    return line.toString().stripTrailing();
  }
}
