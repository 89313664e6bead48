package dev.whimbrel.activity;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Masks what looks like a secret in a text, knowing nothing but its shape: a password in a URL, a
 * {@code password=…} setting, SQL's {@code PASSWORD '…'}, a bearer token, a private key. References
 * such as {@code password=env:NAME} stay readable.
 */
public final class Redaction {
  /** What stands in place of a secret. */
  public static final String MASK = "***";

  private static final String KEY =
      "(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key)";

  private static final String REFERENCE = "(?!(?:env|file|command):|\\*\\*\\*)";

  /** Each pattern keeps its first group and masks the rest. */
  private static final List<Pattern> SHAPES =
      List.of(
          Pattern.compile(
              "(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\\z)",
              Pattern.DOTALL),
          // A port with a path behind it is not a password:
          // http://host:80/path?mail=ana@example.com
          Pattern.compile("([a-zA-Z][a-zA-Z0-9+.-]*://[^\\s:/@'\"]*:)(?!\\d+/)[^\\s'\"]*(?=@)"),
          Pattern.compile(
              "(?i)([a-z_]*"
                  + KEY
                  + "\"?\\s*[=:]\\s*'|\\bpassword\\s+')"
                  + REFERENCE
                  + "(?:[^']|'')*"),
          Pattern.compile(
              "(?i)([a-z_]*" + KEY + "\"?\\s*[=:]\\s*\")" + REFERENCE + "(?:[^\"\\\\]|\\\\.)*"),
          Pattern.compile("(?i)([a-z_]*" + KEY + "\\s*=\\s*)" + REFERENCE + "[^\\s'\",;&)]+"),
          Pattern.compile("(?i)(\\b(?:bearer|basic) )[a-z0-9._~+/=-]{8,}"),
          Pattern.compile("(SCRAM-SHA-256\\$)[0-9]+:[^\\s'\"]+"));

  private Redaction() {}

  /** The text with everything masked that looks like a secret. Again changes nothing more. */
  public static String redact(String text) {
    String redacted = text;
    for (Pattern shape : SHAPES) {
      redacted = shape.matcher(redacted).replaceAll("$1" + MASK);
    }
    return redacted;
  }
}
