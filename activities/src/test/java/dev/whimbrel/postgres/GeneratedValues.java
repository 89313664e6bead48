package dev.whimbrel.postgres;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Values of any type, as a server reads them: its extremes, what copies mistake for something else,
 * and random ones. The same at every run.
 */
final class GeneratedValues {
  private static final int RANDOM_ONES = 150;
  private static final Pattern TEXT = Pattern.compile("'((?:[^']|'')*)'");
  private static final Pattern NUMBER = Pattern.compile("(?<![\\w.'])\\d{1,9}(?![\\w.'])");
  private static final DateTimeFormatter MOMENT =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss.SSSSSS");

  /** What quoting, COPY, encodings and comparisons stumble over. */
  private static final List<String> FRAGMENTS =
      List.of(
          "'",
          "''",
          "\"",
          "\\",
          "\\\\",
          "\\N",
          "\\.",
          "\n\\.\n",
          "\n",
          "\r\n",
          "\r",
          "\t",
          "\b\f\u000b",
          "\u0001",
          "\u007f",
          "é",
          "e\u0301",
          "ß",
          "İ",
          "漢字",
          "😀",
          "\u00a0",
          "\u2028",
          "\u200f",
          "\ufeff",
          " ",
          "  ",
          "NULL",
          "$1",
          "$$",
          "%s",
          "{}",
          "(,)",
          ";--",
          "|",
          ",",
          "\\x41",
          "\\012",
          "&amp;");

  private final Connection connection;
  private final Map<String, Pool> pools = new HashMap<>();

  GeneratedValues(Connection connection) {
    this.connection = connection;
  }

  /** Values of one type. */
  record Pool(List<String> asked, List<String> all) {
    boolean isEmpty() {
      return all.isEmpty();
    }

    /** One of them; mostly of those that a CHECK names, where one does. */
    String pick(Random random) {
      List<String> from = asked.isEmpty() || random.nextInt(4) == 0 ? all : asked;
      return from.get(random.nextInt(from.size()));
    }
  }

  /**
   * The values of a type that the server takes for it.
   *
   * @param checks the CHECK constraints that a column has: what they name is tried as well
   */
  Pool of(long type, int modifier, List<String> checks) throws SQLException {
    String key = type + " " + modifier + " " + checks;
    Pool known = pools.get(key);
    if (known != null) {
      return known;
    }
    Type described = describe(type, modifier);
    Random random = new Random((described.shown() + checks).hashCode());
    List<String> all = new ArrayList<>(checks);
    all.addAll(described.checks());
    Pool pool =
        new Pool(
            taken(described, asked(described, all, random)),
            taken(described, some(described, random)));
    pools.put(key, pool);
    return pool;
  }

  /** A type as its catalog has it; a domain's base, an array's element, a range's bound. */
  private record Type(
      String shown, String name, String kind, long inner, int modifier, List<String> checks) {}

  private Type describe(long type, int modifier) throws SQLException {
    String sql =
        """
        SELECT format_type(t.oid, ?), t.typname,
               CASE WHEN t.typelem <> 0 AND t.typlen = -1 AND t.typcategory = 'A' THEN 'a' ELSE t.typtype::text END,
               CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'c' THEN t.typrelid
                 WHEN 'r' THEN (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid)
                 WHEN 'm' THEN (SELECT rngtypid FROM pg_range r WHERE to_jsonb(r)->>'rngmultitypid' = t.oid::text)
                 ELSE t.typelem END,
               CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE ? END,
               ARRAY(SELECT pg_get_constraintdef(oid) FROM pg_constraint
                 WHERE contypid = t.oid AND contype = 'c' ORDER BY conname)
        FROM pg_type t WHERE t.oid = ?
        """;
    try (PreparedStatement ask = connection.prepareStatement(sql)) {
      ask.setInt(1, modifier);
      ask.setInt(2, modifier);
      ask.setLong(3, type);
      try (ResultSet row = ask.executeQuery()) {
        row.next();
        return new Type(
            row.getString(1),
            row.getString(2),
            row.getString(3),
            row.getLong(4),
            row.getInt(5),
            List.of((String[]) row.getArray(6).getArray()));
      }
    }
  }

  /** What CHECK constraints name: texts, numbers and their neighbours, texts of such a length. */
  private List<String> asked(Type type, List<String> checks, Random random) throws SQLException {
    List<String> asked = new ArrayList<>();
    for (String check : checks) {
      Matcher text = TEXT.matcher(check);
      while (text.find()) {
        asked.add(text.group(1).replace("''", "'"));
      }
      Matcher number = NUMBER.matcher(check);
      while (number.find()) {
        int n = Integer.parseInt(number.group());
        boolean bytes = "bytea".equals(root(type));
        for (int i = 0; i < 60; i++) {
          if (bytes && n <= 1000) {
            asked.add(bytes(random, n));
          } else if (isText(root(type)) && n <= 1000) {
            asked.add(cut(text(random) + "-".repeat(n), n));
          } else if (!bytes) {
            asked.add(String.valueOf(i < 40 && n > 0 ? random.nextInt(n) : n - 20 + i - 30));
          }
        }
      }
    }
    return asked;
  }

  private String root(Type type) throws SQLException {
    Type at = type;
    while (at.kind().equals("d")) {
      at = describe(at.inner(), at.modifier());
    }
    return at.name();
  }

  private static boolean isText(String name) {
    return Set.of("text", "varchar", "bpchar", "citext").contains(name);
  }

  private List<String> taken(Type type, List<String> values) throws SQLException {
    List<String> taken = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      for (String value : new LinkedHashSet<>(values)) {
        try {
          statement
              .executeQuery("SELECT CAST(" + Quoting.literal(value) + " AS " + type.shown() + ")")
              .close();
          taken.add(value);
        } catch (SQLException refused) {
          // Another version of the server, a smaller type, a domain's CHECK.
        }
      }
    }
    return taken;
  }

  private List<String> some(Type type, Random random) throws SQLException {
    return switch (type.kind()) {
      case "d" -> of(type.inner(), type.modifier(), List.of()).all();
      case "e" -> labels(type);
      case "a" -> arrays(of(type.inner(), type.modifier(), List.of()), random);
      case "c" -> composites(type, random);
      case "r" -> ranges(of(type.inner(), -1, List.of()), random);
      case "m" -> multiranges(of(type.inner(), -1, List.of()), random);
      default -> base(type, random);
    };
  }

  private List<String> labels(Type type) throws SQLException {
    List<String> labels = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT unnest(enum_range(NULL::" + type.shown() + "))::text AS label")) {
      while (row.next()) {
        labels.add(row.getString(1));
      }
    }
    return labels;
  }

  private static List<String> arrays(Pool elements, Random random) {
    List<String> arrays = new ArrayList<>(List.of("{}", "{NULL}", "{NULL,NULL}"));
    for (int i = 0; i < RANDOM_ONES && !elements.isEmpty(); i++) {
      List<String> some =
          Stream.generate(() -> random.nextInt(6) == 0 ? "NULL" : quoted(elements.pick(random)))
              .limit(2L * (1 + random.nextInt(4)))
              .toList();
      String one = "{" + String.join(",", some) + "}";
      arrays.add(
          switch (i % 6) {
            case 0 -> "[0:" + (some.size() - 1) + "]=" + one;
            case 1 ->
                "{{"
                    + String.join(",", some.subList(0, some.size() / 2))
                    + "},{"
                    + String.join(",", some.subList(some.size() / 2, some.size()))
                    + "}}";
            default -> one;
          });
    }
    return arrays;
  }

  private List<String> composites(Type type, Random random) throws SQLException {
    List<Pool> fields = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT atttypid, atttypmod FROM pg_attribute WHERE attrelid = "
                    + type.inner()
                    + " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")) {
      while (row.next()) {
        fields.add(of(row.getLong(1), row.getInt(2), List.of()));
      }
    }
    List<String> composites = new ArrayList<>();
    for (int i = 0; i < RANDOM_ONES; i++) {
      composites.add(
          fields.stream()
              .map(
                  field ->
                      field.isEmpty() || random.nextInt(6) == 0 ? "" : quoted(field.pick(random)))
              .collect(Collectors.joining(",", "(", ")")));
    }
    return composites;
  }

  /** With bounds whose distance a double holds, as ANALYZE wants it. */
  private static List<String> ranges(Pool all, Random random) {
    Pool bounds =
        new Pool(
            List.of(),
            all.all().stream().filter(each -> !each.matches("1e\\d+|\\d{300}.*")).toList());
    List<String> ranges = new ArrayList<>(List.of("empty", "(,)"));
    for (int i = 0; i < 2 * RANDOM_ONES && !bounds.isEmpty(); i++) {
      ranges.add(
          (random.nextBoolean() ? "[" : "(")
              + (random.nextInt(8) == 0 ? "" : quoted(bounds.pick(random)))
              + ","
              + (random.nextInt(8) == 0 ? "" : quoted(bounds.pick(random)))
              + (random.nextBoolean() ? "]" : ")"));
    }
    return ranges;
  }

  private static List<String> multiranges(Pool ranges, Random random) {
    List<String> multiranges = new ArrayList<>(List.of("{}"));
    for (int i = 0; i < RANDOM_ONES && !ranges.isEmpty(); i++) {
      multiranges.add("{" + ranges.pick(random) + "," + ranges.pick(random) + "}");
    }
    return multiranges;
  }

  /** As an element of an array, a field of a row or a bound of a range. */
  private static String quoted(String value) {
    return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private static List<String> base(Type type, Random random) {
    return Stream.concat(
            special(type.name()).stream(),
            Stream.generate(() -> random(type, random)).limit(RANDOM_ONES))
        .toList();
  }

  private static List<String> special(String type) {
    return switch (type) {
      case "bool" -> List.of("t", "f");
      case "int2" -> List.of("0", "-1", "32767", "-32768");
      case "int4" -> List.of("0", "-1", "2147483647", "-2147483648");
      case "int8" -> List.of("0", "-1", "9223372036854775807", "-9223372036854775808");
      case "oid", "xid" -> List.of("0", "1", "4294967295");
      case "float4", "float8" ->
          List.of("NaN", "Infinity", "-Infinity", "-0", "0.1", "1e-37", "1e308", "5e-324");
      case "numeric" ->
          List.of(
              "NaN",
              "Infinity",
              "-Infinity",
              "0.00",
              "1.10",
              "1e1000",
              "-1e-1000",
              "9".repeat(400) + "." + "1".repeat(400));
      case "money" -> List.of("92233720368547758.07", "-92233720368547758.08");
      case "text", "varchar", "bpchar", "citext" -> List.of("", " ", "NULL", "\\N", "\\.", "null");
      case "date" ->
          List.of("infinity", "-infinity", "0044-03-15 BC", "4714-11-24 BC", "5874897-12-31");
      case "timestamp", "timestamptz" ->
          List.of(
              "infinity",
              "-infinity",
              "4714-11-24 00:00:00+00 BC",
              "0044-03-15 12:00:00.000001+00 BC",
              "294276-12-31 23:59:59.999999+00",
              "2020-03-29 02:30:00+01",
              "2020-10-25 02:30:00.5+01",
              "1880-01-01 00:00:00+00");
      case "time" -> List.of("00:00:00", "24:00:00", "23:59:59.999999");
      case "timetz" -> List.of("00:00:00+15:59:59", "24:00:00-15:59", "23:59:59.999999+00:30");
      case "interval" ->
          List.of(
              "infinity",
              "-infinity",
              "178000000 years",
              "-178000000 years",
              "1 mon -30 days 00:00:00.000001",
              "-1 day +24:00:00",
              "1 mon",
              "30 days",
              "720:00:00");
      case "json" ->
          List.of(
              "{\"a\":1,\"a\":2}",
              "  [1.0, 1e2 ,\n null]",
              "\"\\u0000\"",
              "1E400",
              "{\"b\":{},\"a\":[]}");
      case "jsonb" ->
          List.of(
              "null",
              "{}",
              "[]",
              "1.0",
              "1E400",
              "-0",
              "{\"\":\"\\\\.\\n\"}",
              "{\"b\":[null,{}],\"aa\":\"\\u00e9\"}");
      case "bytea" -> List.of("\\x", "\\x00", "\\x5c2e0a", "\\x5c4e", "\\xff");
      case "inet" -> List.of("0.0.0.0/0", "::", "::ffff:1.2.3.4", "10.1.2.3/8", "fe80::1/64");
      case "cidr" -> List.of("0.0.0.0/0", "::/0", "10.0.0.0/8");
      case "path" -> List.of("[(0,0),(1,1)]", "((0,0),(1,1))");
      case "tsvector" -> List.of("", "'a''b':1A,2B 'c\\\\d':16383 e");
      case "tsquery" -> List.of("", "'a''b':*A & !( c <2> d )");
      case "tid", "gtsvector" -> List.of("(0,0)", "(4294967295,65535)");
      case "xid8", "cid" -> List.of("0", "3", "4294967295");
      case "int2vector", "oidvector" -> List.of("", "1 2 3");
      case "pg_snapshot", "txid_snapshot" -> List.of("10:20:10,14", "1:1:");
      case "jsonpath" -> List.of("$", "$.\"a\\\"b\"[*] ? (@.x > 1)", "strict $.a");
      case "aclitem" -> List.of("=r/postgres", "postgres=arw*/postgres");
      case "regclass", "regtype", "regrole", "regnamespace", "regproc", "regprocedure" ->
          List.of("pg_class", "int4", "postgres", "pg_catalog", "now", "now()", "0", "-");
      case "hstore" -> List.of("", "a=>NULL", "\"\"=>\"\"");
      case "ltree" -> List.of("", "a.b.c");
      default -> List.of();
    };
  }

  private static String random(Type type, Random random) {
    return switch (type.name()) {
      case "int2", "int4", "int8", "oid", "xid" -> number(type.name(), random);
      case "float4", "float8" ->
          String.valueOf(random.nextGaussian() * Math.pow(10, random.nextInt(60) - 30));
      case "numeric" -> numeric(type, random);
      case "money" -> random.nextInt() + "." + random.nextInt(10) + random.nextInt(10);
      case "text", "citext" ->
          random.nextInt(40) == 0 ? incompressible(random, 6000) : text(random);
      case "varchar", "bpchar" ->
          cut(text(random), type.modifier() < 4 ? 4000 : type.modifier() - 4);
      case "name" -> cut(text(random), 12);
      case "char" -> String.valueOf((char) (1 + random.nextInt(126)));
      case "date" -> moment(random).substring(0, 10);
      case "timestamp" -> moment(random);
      case "timestamptz" -> moment(random) + "+0" + random.nextInt(10) + ":30";
      case "time" -> moment(random).substring(11);
      case "timetz" -> moment(random).substring(11) + "-0" + random.nextInt(10) + ":45";
      case "interval" ->
          (random.nextInt(400) - 200)
              + " mons "
              + (random.nextInt(80) - 40)
              + " days "
              + random.nextInt()
              + " microseconds";
      case "uuid" -> new UUID(random.nextLong(), random.nextLong()).toString();
      case "json", "jsonb" -> json(random, 0);
      case "bytea" -> bytes(random, random.nextInt(40) == 0 ? 5000 : random.nextInt(40));
      case "inet" -> address(random) + "/" + random.nextInt(33);
      case "cidr" -> address(random);
      case "macaddr" -> groups(random, 6);
      case "macaddr8" -> groups(random, 8);
      case "bit" -> bits(random, Math.max(type.modifier(), 1));
      case "varbit" -> bits(random, random.nextInt(type.modifier() < 0 ? 70 : type.modifier() + 1));
      case "point" -> point(random);
      case "box", "lseg", "path", "polygon" -> point(random) + "," + point(random);
      case "circle" -> "<" + point(random) + "," + random.nextInt(9) + ".5>";
      case "line" -> "{" + (1 + random.nextInt(9)) + "," + random.nextGaussian() + ",0.1}";
      case "pg_lsn" ->
          Integer.toHexString(random.nextInt()) + "/" + Integer.toHexString(random.nextInt());
      case "tsvector" -> word(random) + ":" + (1 + random.nextInt(99)) + "B " + word(random);
      case "tsquery" -> word(random) + " & !" + word(random) + ":*";
      case "xml" -> "<a b=\"" + word(random) + "\">" + word(random) + "&lt;\n</a>";
      case "hstore" -> quoted(text(random)) + "=>" + quoted(text(random)) + ", a=>NULL";
      case "ltree" -> word(random) + "." + word(random);
      case "geometry", "geography" ->
          "SRID=4326;POINT(" + random.nextInt(180) + " " + random.nextInt(90) + ".5)";
      // The server finds the last digit, which checks the others.
      case "ean13", "isbn13" -> "978" + digits(random, 9) + "?";
      case "isbn" -> digits(random, 9) + "?";
      case "ismn" -> "M" + digits(random, 8) + "?";
      case "ismn13" -> "9790" + digits(random, 8) + "?";
      case "issn" -> digits(random, 7) + "?";
      case "issn13" -> "977" + digits(random, 7) + "00?";
      case "upc" -> digits(random, 11) + "?";
      case "cube" -> "(" + random.nextInt(99) + ",0.1)";
      default -> random.nextBoolean() ? word(random) : String.valueOf(random.nextInt(100));
    };
  }

  /** Small ones meet each other, as the values of a real column do. */
  private static String number(String type, Random random) {
    int bits = type.equals("int2") ? 15 : type.equals("int8") ? 63 : 31;
    BigInteger number = new BigInteger(random.nextInt(3) > 0 ? 9 : bits, random);
    return (type.startsWith("int") && random.nextInt(8) == 0 ? number.negate() : number).toString();
  }

  private static String numeric(Type type, Random random) {
    int precision = type.modifier() < 4 ? 1 + random.nextInt(40) : (type.modifier() - 4) >> 16;
    int scale = type.modifier() < 4 ? random.nextInt(20) : (type.modifier() - 4) & 0x7ff;
    BigInteger limit = BigInteger.TEN.pow(precision);
    BigInteger digits =
        random.nextInt(10) == 0
            ? limit.subtract(BigInteger.ONE)
            : new BigInteger(limit.bitLength(), random).mod(limit);
    BigDecimal number = new BigDecimal(digits, scale);
    return (random.nextInt(4) == 0 ? number.negate() : number).toPlainString();
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder();
    int parts = 1 + random.nextInt(6);
    for (int i = 0; i < parts; i++) {
      text.append(
          random.nextBoolean() ? word(random) : FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
    }
    return text.toString();
  }

  private static String word(Random random) {
    return random
        .ints(1 + random.nextInt(7), 'a', 'z' + 1)
        .mapToObj(Character::toString)
        .collect(Collectors.joining());
  }

  private static String incompressible(Random random, int length) {
    return random
        .ints(length, '!', '~' + 1)
        .mapToObj(Character::toString)
        .collect(Collectors.joining());
  }

  private static String cut(String text, int length) {
    int all = text.codePointCount(0, text.length());
    return text.substring(0, text.offsetByCodePoints(0, Math.min(all, length)));
  }

  private static String moment(Random random) {
    long second = -3_000_000_000L + (long) (random.nextDouble() * 7_000_000_000L);
    return LocalDateTime.ofEpochSecond(
            second, random.nextInt(3) == 0 ? 0 : 1000 * random.nextInt(1_000_000), ZoneOffset.UTC)
        .format(MOMENT);
  }

  private static String json(Random random, int depth) {
    return switch (random.nextInt(depth > 2 ? 4 : 6)) {
      case 0 -> "null";
      case 1 -> String.valueOf(random.nextInt());
      case 2 -> random.nextInt(9) + "." + random.nextInt(9) + "0";
      case 3 -> jsonText(random);
      case 4 -> "[" + json(random, depth + 1) + ", " + json(random, depth + 1) + "]";
      default ->
          "{"
              + jsonText(random)
              + ":"
              + json(random, depth + 1)
              + ","
              + jsonText(random)
              + " :"
              + json(random, depth + 1)
              + "}";
    };
  }

  private static String jsonText(Random random) {
    return text(random)
        .codePoints()
        .mapToObj(
            c ->
                c < 32 || c == '"' || c == '\\'
                    ? String.format("\\u%04x", c)
                    : Character.toString(c))
        .collect(Collectors.joining("", "\"", "\""));
  }

  private static String bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    StringBuilder hex = new StringBuilder("\\x");
    for (byte each : bytes) {
      hex.append(String.format("%02x", each));
    }
    return hex.toString();
  }

  private static String address(Random random) {
    return random.ints(4, 0, 256).mapToObj(String::valueOf).collect(Collectors.joining("."));
  }

  private static String groups(Random random, int count) {
    return random
        .ints(count, 0, 256)
        .mapToObj(each -> String.format("%02x", each))
        .collect(Collectors.joining(":"));
  }

  private static String digits(Random random, int length) {
    return random.ints(length, 0, 10).mapToObj(String::valueOf).collect(Collectors.joining());
  }

  private static String bits(Random random, int length) {
    return random.ints(length, 0, 2).mapToObj(String::valueOf).collect(Collectors.joining());
  }

  private static String point(Random random) {
    return "(" + random.nextInt(99) + "," + random.nextGaussian() + ")";
  }
}
