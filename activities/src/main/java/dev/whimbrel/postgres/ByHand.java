package dev.whimbrel.postgres;

import dev.whimbrel.activity.Move;
import dev.whimbrel.activity.Side;
import dev.whimbrel.postgres.Inspected.ByHandStep;
import dev.whimbrel.runbook.Runbook;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Writes the steps that people do by hand, as lines for a shell. They do what the switchover does,
 * in the same order, and leave the same authority behind, so that the engine can go on afterwards.
 */
final class ByHand {
  private final Runbook runbook;
  private final Names names;
  private final ByHandFollowers followers;

  ByHand(Runbook runbook) {
    this.runbook = runbook;
    this.followers = new ByHandFollowers(runbook);
    this.names = new Names(runbook.name());
  }

  /** What comes before anything else: nobody acts beside, and psql finds its passwords. */
  List<ByHandStep> stopTheEngine() {
    List<ByHandStep> steps = new ArrayList<>();
    steps.add(
        new ByHandStep(
            "Stop every worker of this migration, so that the engine does not act at the same time",
            null,
            null,
            null,
            false));
    String passwords = ByHandPasswords.file(runbook);
    if (passwords != null) {
      steps.add(
          new ByHandStep(
              "Give psql its passwords, from where the runbook has them; remove the file afterwards",
              null,
              passwords,
              null,
              false));
    }
    return steps;
  }

  /** Closes the losing side and names the other one the truth: the hand-over. */
  List<ByHandStep> handOver(Authority.Row losing, UUID marker) {
    List<ByHandStep> steps = new ArrayList<>(followers.pause());
    steps.add(close(losing, marker));
    return steps;
  }

  private ByHandStep close(Authority.Row losing, UUID marker) {
    Side from = losing.side();
    return sql(
        "Close the %s and hand over. From here on nobody can write until the %s is opened"
            .formatted(from.word(), from.other().word()),
        from,
        """
        BEGIN;
        SET LOCAL synchronous_commit = on;
        SET LOCAL statement_timeout = '15s';
        DO $$ DECLARE t record; BEGIN
        %s%s;
        %sEND $$;
        COMMIT;"""
            .formatted(
                LargeObjectFence.BY_HAND + FenceSql.CLOSING,
                Markers.writeSql(from, marker, Markers.HAND_OVER),
                Authority.compareAndSet(
                    losing,
                    from.other(),
                    losing.epoch() + 1,
                    marker,
                    "by hand, as inspect printed it")));
  }

  /** Waits until everything has arrived, carries the sequences over, and opens the gaining side. */
  List<ByHandStep> open(
      Authority.Row gaining,
      Side losingSide,
      long epoch,
      @Nullable UUID marker,
      boolean wayBack,
      boolean streamStopped) {
    Side to = gaining.side();
    Stream stream = Stream.leaving(losingSide, Move.of(runbook));
    List<ByHandStep> steps = new ArrayList<>();
    if (streamStopped) {
      for (String subscription : stream.subscriptions()) {
        steps.add(enable(subscription, to));
      }
    }
    if (marker != null) {
      String proof = "SELECT " + stream.arrived(marker) + ";";
      steps.add(
          new ByHandStep(
              "Wait until this prints t: then every write of the %s is on the %s. Do not go on before"
                  .formatted(losingSide.word(), to.word()),
              to.word(),
              psql(to, "-At") + heredoc(proof),
              proof,
              true));
    }
    steps.add(
        new ByHandStep(
            "Carry the sequences over: the left one writes the statements, the right one runs them",
            losingSide.word(),
            psql(losingSide, "-At")
                + " <<'SQL' | "
                + psql(to, "-qAt")
                + "\n"
                + ByHandSql.SEQUENCES
                + "\nSQL",
            ByHandSql.SEQUENCES,
            false));
    if (wayBack) {
      steps.add(sql("Let the way back start here", to, ByHandSql.moveWayBack(names)));
    }
    steps.add(sql("Open the " + to.word(), to, ByHandSql.opening(gaining, epoch, marker, stream)));
    if (wayBack) {
      steps.add(enable(names.reverseSubscription(), Side.SOURCE));
    }
    steps.addAll(followers.follow(to));
    return steps;
  }

  /** Takes a hand-over back whose gaining side never opened. */
  List<ByHandStep> takeBack(Authority.Row handedOver, Authority.Row neverOpened) {
    Side back = handedOver.side();
    long epoch = handedOver.epoch() + 1;
    List<ByHandStep> steps = new ArrayList<>();
    steps.add(
        sql(
            "Let the %s, which never opened, refuse for good".formatted(neverOpened.side().word()),
            neverOpened.side(),
            """
            BEGIN;
            SET LOCAL synchronous_commit = on;
            DO $$ DECLARE t record; BEGIN
            %s%sEND $$;
            COMMIT;"""
                .formatted(
                    FenceSql.CLOSING,
                    Authority.compareAndSet(
                        neverOpened, back, epoch, null, "by hand, as inspect printed it"))));
    steps.add(
        sql(
            "Open the " + back.word() + " again",
            back,
            ByHandSql.openAlone(handedOver, epoch, List.of())));
    steps.addAll(followers.follow(back));
    return steps;
  }

  /** Opens a side without the other: what has not arrived here is lost. */
  List<ByHandStep> acceptLoss(Authority.Row here, long epoch, List<String> subscriptions) {
    Side to = here.side();
    List<ByHandStep> steps = new ArrayList<>();
    steps.add(
        new ByHandStep(
            "Make sure that nobody can reach the %s any more, also when it comes back: firewall, pooler, DNS. It must be fenced before anything else is done with it"
                .formatted(to.other().word()),
            null,
            null,
            null,
            false));
    steps.add(
        sql(
            "Open the %s. WRITES THAT HAVE NOT ARRIVED HERE ARE LOST by this; write your name into the note"
                .formatted(to.word()),
            to,
            ByHandSql.openAlone(here, epoch, subscriptions)));
    steps.addAll(followers.follow(to));
    return steps;
  }

  /** Closes one side, whatever its authority says. */
  ByHandStep fence(Side side) {
    return sql(
        "Close the " + side.word(),
        side,
        """
        BEGIN;
        SET LOCAL synchronous_commit = on;
        SET LOCAL statement_timeout = '15s';
        DO $$ DECLARE t record; BEGIN
        %sEND $$;
        COMMIT;"""
            .formatted(FenceSql.CLOSING));
  }

  /** Opens the fence of the side that is the truth already. */
  ByHandStep openFence(Side side) {
    return sql(
        "Open the fence of the " + side.word() + ", which is the truth",
        side,
        "BEGIN;\nDO $$ DECLARE t record; BEGIN\n" + FenceSql.OPENING + "END $$;\nCOMMIT;");
  }

  ByHandStep enable(String subscription, Side on) {
    return sql(
        "Start the stream to the " + on.word(),
        on,
        "ALTER SUBSCRIPTION " + Quoting.identifier(subscription) + " ENABLE;");
  }

  /** Drops a subscription and leaves its slot on the other side. */
  ByHandStep dropSubscription(String subscription, Side on) {
    String name = Quoting.identifier(subscription);
    return sql(
        "Drop the subscription on the " + on.word(),
        on,
        "ALTER SUBSCRIPTION %1$s DISABLE;\nALTER SUBSCRIPTION %1$s SET (slot_name = NONE);\nDROP SUBSCRIPTION %1$s;"
            .formatted(name));
  }

  /** Drops a slot, which otherwise keeps the write-ahead log until the disk is full. */
  ByHandStep dropSlot(String slot, Side on) {
    String name = Quoting.literal(slot);
    return sql(
        "Drop the slot on the %s: it keeps the write-ahead log for as long as it lives"
            .formatted(on.word()),
        on,
        "SELECT pg_drop_replication_slot(" + name + ");");
  }

  private ByHandStep sql(String what, Side on, String sql) {
    return new ByHandStep(
        what, on.word(), psql(on, "-v ON_ERROR_STOP=1") + heredoc(sql), sql, false);
  }

  private String psql(Side on, String options) {
    String url = (on == Side.SOURCE ? runbook.source() : runbook.target()).postgres().url();
    return "psql %s %s".formatted(shell(url), options);
  }

  private static String heredoc(String sql) {
    return " <<'SQL'\n" + sql + "\nSQL";
  }

  static String shell(String text) {
    return text.matches("[A-Za-z0-9_./:=@%-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
