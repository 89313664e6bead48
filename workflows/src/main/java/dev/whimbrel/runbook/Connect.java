package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One way in which applications are made to follow the database. Exactly one of the parts is set.
 *
 * @param pgbouncer a PgBouncer that is paused, pointed to the other side and resumed
 * @param dns the database's own host name; not built in this release, and refused
 * @param command a command that makes applications follow, and one that takes it back
 * @param manual people do it: the migration only says when
 */
public record Connect(
    @Nullable PgBouncer pgbouncer,
    @Nullable DnsName dns,
    @Nullable Command command,
    boolean manual) {

  /** The entry {@code manual}, written as a plain word. */
  public static final Connect MANUAL = new Connect(null, null, null, true);

  /** Reads the plain word {@code manual}. */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static Connect ofWord(String word) {
    if (!word.equals("manual")) {
      throw new IllegalArgumentException(
          "expected 'manual' or one of pgbouncer, dns, command, found '" + word + "'");
    }
    return MANUAL;
  }

  /** Reads an entry with one key. */
  @JsonCreator(mode = JsonCreator.Mode.PROPERTIES)
  public static Connect of(
      @JsonProperty("pgbouncer") @Nullable PgBouncer pgbouncer,
      @JsonProperty("dns") @Nullable DnsName dns,
      @JsonProperty("command") @Nullable Command command,
      @JsonProperty("manual") @Nullable Boolean manual) {
    return new Connect(pgbouncer, dns, command, manual != null && manual);
  }

  /**
   * A PgBouncer in front of the database.
   *
   * @param admin {@code postgresql://user@host:port/pgbouncer}, its administration console
   * @param password reference to the console's password
   * @param database the entry of its {@code [databases]} section
   * @param switchBy how the entry is pointed to the other side
   */
  public record PgBouncer(
      @JsonProperty(required = true) String admin,
      @Nullable String password,
      @JsonProperty(required = true) String database,
      @JsonProperty(value = "switch", required = true) Switch switchBy) {}

  /**
   * How a PgBouncer's entry is changed: in its file, or by commands.
   *
   * @param file path of {@code pgbouncer.ini} on the worker; host, port and dbname of the entry are
   *     rewritten, everything else stays
   * @param command commands that rewrite it where the worker cannot
   */
  public record Switch(@Nullable String file, @Nullable Command command) {}

  /**
   * The database's own host name.
   *
   * @param name the name, in the zone of the runbook's {@code dns}
   */
  public record DnsName(@JsonProperty(required = true) String name) {}

  /**
   * A command and the command that takes it back; both are run without a shell.
   *
   * @param doIt makes applications use the target
   * @param undo makes applications use the source
   */
  public record Command(
      @JsonProperty(value = "do", required = true) List<String> doIt,
      @JsonProperty(required = true) List<String> undo) {}
}
