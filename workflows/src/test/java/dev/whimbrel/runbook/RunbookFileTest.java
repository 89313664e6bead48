package dev.whimbrel.runbook;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import dev.whimbrel.activity.CopyPlan;
import dev.whimbrel.activity.Move;
import io.temporal.api.common.v1.Payload;
import io.temporal.common.converter.DefaultDataConverter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunbookFileTest {
  private static final String SMALLEST =
      """
      name: shop
      source: {postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop"}}
      target: {postgres: {url: "postgresql://migrator@127.0.0.1:5432/shop"}}
      connect: [manual]
      """;

  @Test
  void readsTheSmallestRunbookWithSafeDefaults() {
    Runbook runbook = RunbookFile.parse(SMALLEST);

    assertThat(runbook.service()).isEqualTo("shop");
    assertThat(runbook.connect()).containsExactly(Connect.MANUAL);
    assertThat(runbook.cutover().approvalRequired()).isTrue();
    assertThat(runbook.decommission().approvalRequired()).isTrue();
    assertThat(runbook.replicate().soak()).isEqualTo(Duration.ofHours(24));
    assertThat(runbook.rollback().window()).isEqualTo(Duration.ofDays(3));
    assertThat(runbook.dns()).isNull();
  }

  @Test
  void readsTheBigExampleOfTheDesign() {
    Runbook runbook = RunbookFile.parse(Examples.BIG);

    assertThat(requireNonNull(requireNonNull(runbook.dns()).route53()).zone()).isEqualTo("Z123");
    assertThat(requireNonNull(runbook.shifting()).by()).isEqualTo("dns");
    CanarySpec canary = requireNonNull(runbook.validate().canary());
    assertThat(canary.weights()).containsExactly(1, 5, 25);
    assertThat(canary.bake()).isEqualTo(Duration.ofHours(24));
    RetireSpec retire = requireNonNull(runbook.decommission().retire());
    assertThat(retire.ec2()).containsExactly("i-0abc");
    assertThat(retire.terminateAfter()).isEqualTo(Duration.ofDays(7));
    assertThat(retire.approvalRequired()).isTrue();
  }

  @Test
  void saysWhatCannotBeLedByWeight() {
    String traffic =
        """
        dns: {rfc2136: {server: "ns1.example.com", zone: example.com}, names: [shop.example.com]}
        validate: {canary: {weights: [5, 5, 101], database: shop}}
        traffic: {by: haproxy, tail: forward}
        """;

    assertThat(mistakesIn(withAddresses() + traffic))
        .containsExactly(
            "6:34: validate.canary.weights[1]: expected more than the weight before it, found 5.",
            "6:37: validate.canary.weights[2]: expected percent from 1 to 100, found 101.",
            "6:53: validate.canary.database: expected a URL that begins with http:// or https:// and"
                + " names a host.",
            "7:15: traffic.by: expected traffic.haproxy, which is to be led.",
            "7:30: traffic.tail: forward goes only with haproxy.");
    assertThat(
            mistakesIn(
                withAddresses()
                    + traffic
                        .replaceAll("(?m)^traffic.*$", "")
                        .replace("5, 5, 101", "5")
                        .replace(", database: shop", "")))
        .singleElement()
        .asString()
        .contains("validate.canary: rfc2136 cannot answer by weight. Use route53");
  }

  @Test
  void readsMachinesAndSaysWhatTheyLack() {
    String machines =
        """
        provision:
          ec2:
            region: eu-north-1
            machines:
              - {name: app-1, image: ami-1, type: t3.medium, subnet: subnet-1, tags: {team: shop}}
              - {name: app-1, adopt: app}
              - {name: app-2, userData: app.sh}
        decommission: {retire: {azure: [app-1]}}
        """;

    assertThat(mistakesIn(SMALLEST + machines))
        .containsExactly(
            "10:16: provision.ec2.machines[1].name: 'app-1' stands here a second time.",
            "10:30: provision.ec2.machines[1].adopt: expected an instance's id, i-…, found 'app'.",
            "11:9: provision.ec2.machines[2].image: missing: expected it, or adopt with a machine's id.",
            "11:9: provision.ec2.machines[2].type: missing: expected it, or adopt with a machine's id.",
            "11:9: provision.ec2.machines[2].subnet: missing: expected it, or adopt with a machine's id.",
            "11:33: provision.ec2.machines[2].userData: expected an absolute path on the worker, found"
                + " 'app.sh'.",
            "12:33: decommission.retire.azure[0]: expected an id, /subscriptions/…/resourceGroups/…/providers/…,"
                + " found 'app-1'.");
  }

  @Test
  void refusesWhatWouldNotBeHonoured() {
    String both =
        """
        traffic: {by: dns, haproxy: {admin: "192.0.2.7:9999", backend: app, source: blue, target: green}}
        dns: {route53: {zone: Z123}, names: [shop.example.com]}
        guards: [{http: "https://shop.example.com/", compare: {moreErrors: 1%}, p99: 500ms}]
        provision: {ec2: {region: eu-north-1, machines: [{name: app-1, adopt: i-0abc}]}}
        decommission: {retire: {ec2: [i-0abc]}}
        """;

    assertThat(mistakesIn(withAddresses() + both))
        .containsExactly(
            "5:29: traffic.haproxy: nothing would lead it: expected by: haproxy, or tail: forward beside"
                + " by: dns.",
            "7:78: guards[0].p99: goes not with compare: write a guard of its own for it.",
            "9:31: decommission.retire.ec2[0]: i-0abc is adopted by provision: it is the target's.");
  }

  private static String withAddresses() {
    return SMALLEST
        .replace("/shop\"}}\ntarget", "/shop\"}, addresses: [192.0.2.1]}\ntarget")
        .replace("5432/shop\"}}", "5432/shop\"}, addresses: [192.0.2.2]}");
  }

  @Test
  void readsTheBigExampleWithAZoneThatTakesUpdates() {
    Runbook runbook = RunbookFile.parse(Examples.BY_UPDATES);

    assertThat(runbook.connect()).hasSize(2);
    assertThat(requireNonNull(runbook.connect().get(0).pgbouncer()).switchBy().file())
        .isEqualTo("/etc/pgbouncer/pgbouncer.ini");
    assertThat(requireNonNull(runbook.connect().get(1).command()).doIt())
        .containsExactly("./point-reporting", "target");
    assertThat(requireNonNull(runbook.dns()).ttl().lower()).containsExactly(60);
    assertThat(runbook.validate().smoke().get(2).timeout()).isEqualTo(Duration.ofMinutes(20));
    assertThat(runbook.guards().get(0).p99()).isEqualTo(Duration.ofMillis(500));
    assertThat(runbook.guards().get(0).maxErrorRate()).isEqualTo(new Percent(0.01));
    assertThat(runbook.rollback().window()).isEqualTo(Duration.ofDays(3));
  }

  @Test
  void showsAllFiveMistakesOfARunbookWithFive() {
    String text =
        """
        name: Shop
        source:
          postgres: {url: "postgresql://migrator@127.0.0.1:5431/shop", password: "tr0ub4dor"}
        target:
          postgres: {url: "mysql://migrator@127.0.0.1/shop"}
        replicate: {soak: 1 day, maxlag: 1s}
        connect: [manual]
        """;

    assertThat(mistakesIn(text))
        .containsExactly(
            "1:7: name: expected a lower-case letter, then at most 39 lower-case letters, digits and"
                + " hyphens, found 'Shop'.",
            "3:74: source.postgres.password: expected a reference, never the secret itself:"
                + " env:NAME, file:/path or command:program argument. What was found is not repeated"
                + " here.",
            "5:19: target.postgres.url: expected a URL that begins with postgresql://.",
            "6:19: replicate.soak: expected a duration such as 30s, 5m, 24h or 3d, found '1 day'.",
            "6:26: replicate.maxlag: unknown key. Did you mean 'maxLag'?");
  }

  @Test
  void readsWhatTheCopyMayTakeAndWhatTheServersMayKeep() {
    Runbook runbook =
        RunbookFile.parse(
            SMALLEST
                + "replicate: {throttle: {rate: 50MB/s, activeSessions: 40}, wal: {limit: 50GB, then: ask}}\n");
    String wrong =
        SMALLEST
            + "replicate: {throttle: {rate: 50MB, activeSessions: -1}, wal: {limit: a lot, then: pause}}\n";

    assertThat(runbook.replicate().throttle()).isEqualTo(new ThrottleSpec("50MB/s", 40));
    assertThat(runbook.replicate().wal()).isEqualTo(new WalSpec("50GB", "ask"));
    assertThat(RunbookFile.parse(SMALLEST).replicate().wal()).isEqualTo(new WalSpec(null, null));
    assertThat(mistakesIn(wrong).stream().map(line -> line.replaceFirst("^\\d+:\\d+: ", "")))
        .containsExactlyInAnyOrder(
            "replicate.throttle.rate: expected bytes a second such as 50MB/s, at least 1MB/s, found '50MB'.",
            "replicate.throttle.activeSessions: expected 0 or more, found -1.",
            "replicate.wal.limit: expected a size such as 500MB or 50GB, found 'a lot'.",
            "replicate.wal.then: expected release or ask or warn, found 'pause'.");
    assertThat(mistakesIn(SMALLEST + "replicate: {throttle: {}, wal: {limit: 0GB}}\n")).hasSize(2);
  }

  @Test
  void refusesParametersByWhichSomebodyElseWouldMakeTheSockets() {
    String text =
        """
        name: shop
        service: shop
        source: {postgres: {url: "postgresql://u@h/d?sslmode=require&sslfactory=com.example.Factory"}}
        target: {postgres: {url: "postgresql://u@h/d?gssEncMode=require"}}
        """;

    assertThat(mistakesIn(text))
        .anyMatch(
            line -> line.contains("source.postgres.url: expected no sslfactory: the bulk copy"))
        .anyMatch(line -> line.contains("target.postgres.url: expected no gssEncMode"));
  }

  @Test
  void neverRepeatsASecretWhereverItStands() {
    List<String> slips =
        List.of(
            "source: {postgres: {url: \"postgresql://u:hunter2@h/d\"}}",
            "source: {postgres: {url: \"postgresql://u@h/d?password=hunter2\"}}",
            "source: {postgres: {url: \"postgresql://u@h/d\", password: hunter2}}",
            "source: {postgres: {url: \"postgresql://u@h/d\", password: [hunter2]}}",
            "source: {postgres: {url: \"postgresql://u@h/d\", passwrd: hunter2}}",
            "source: {postgres: hunter2}",
            "source: hunter2",
            "source: {postgres: {password: *hunter2}}",
            "source: {postgres: {password: !hunter2 }}",
            "source: {postgres: {password: \"hunter2}}",
            "source: {postgres: {password: @hunter2}}",
            "source: {postgres: {password: hun: ter2hunter2}}",
            "source:\n  postgres:\n    password: hunter2: x",
            "dns: {rfc2136: {server: a, zone: b, key: {name: k, algorithm: hmac-sha256, secret: hunter2}}}");

    for (String slip : slips) {
      assertThat(mistakesIn("name: shop\n" + slip + "\n")).isNotEmpty();
      assertThat(String.join("\n", mistakesIn("name: shop\n" + slip + "\n")))
          .as(slip)
          .doesNotContain("hunter2");
    }
  }

  @Test
  void refusesATargetThatIsTheSource() {
    assertThat(
            mistakesIn(
                SMALLEST.replace("@127.0.0.1:5432/shop", "@localhost:5431/shop?sslmode=disable")))
        .containsExactly(
            "3:26: target.postgres.url: the target is the source (localhost:5431/shop); expected"
                + " another database.");
  }

  @Test
  void saysWhichChoicesConnectHas() {
    assertThat(mistakesIn(SMALLEST.replace("connect: [manual]", "")))
        .singleElement()
        .asString()
        .startsWith("1:1: connect: missing: say how applications find the database")
        .contains("pgbouncer", "command", "manual");
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "[]"))).hasSize(1);
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "manual"))).hasSize(1);
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "[manuell]")))
        .containsExactly(
            "4:11: connect[0]: expected the word 'manual' or a mapping with one of the keys"
                + " pgbouncer, dns, command, found 'manuell'. Did you mean 'manual'?");
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "[{manual: true}]")))
        .first()
        .asString()
        .contains("write it as a plain word: - manual");
  }

  @Test
  void saysOneThingAboutOneSlip() {
    assertThat(mistakesIn(SMALLEST.replace("connect:", "conect:")))
        .containsExactly("4:1: conect: unknown key. Did you mean 'connect'?");
    assertThat(mistakesIn(SMALLEST.replace("name:", "nmae:")))
        .containsExactly("1:1: nmae: unknown key. Did you mean 'name'?");
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "[{comand: {do: [a], undo: [b]}}]")))
        .containsExactly("4:12: connect[0].comand: unknown key. Did you mean 'command'?");
  }

  @Test
  void namesWhatIsMissingAndWhatStandsTwice() {
    assertThat(mistakesIn("name: a\nname: b\nconnect: [manual, manual]\n"))
        .containsExactly(
            "1:1: source: missing: expected a mapping with keys (postgres, addresses, cname).",
            "1:1: target: missing: expected a mapping with keys (postgres, addresses, cname).",
            "2:1: name: the key stands here a second time.",
            "3:19: connect[1]: the same entry stands here a second time.");
  }

  @Test
  void saysWhereAKeyOfAnotherSectionBelongs() {
    assertThat(mistakesIn(SMALLEST + "pauseBudget: 5s\n"))
        .containsExactly("5:1: pauseBudget: unknown key. It belongs under cutover.");
  }

  @Test
  void checksDnsAgainstZoneAndAddresses() {
    String dns =
        """
        dns:
          rfc2136: {server: "ns1.example.com:99999", zone: example.com}
          names: [shop.example.org, shop.example.com, SHOP.example.com]
          ttl: {lower: [60, 300]}
        """;

    assertThat(mistakesIn(SMALLEST + dns))
        .containsExactly(
            "2:9: source.addresses: missing: expected the addresses under which the service answers"
                + " on this side, since dns is to point to them.",
            "3:9: target.addresses: missing: expected the addresses under which the service answers"
                + " on this side, since dns is to point to them.",
            "6:21: dns.rfc2136.server: expected a host or address, with :port where it is not 53,"
                + " found 'ns1.example.com:99999'.",
            "7:11: dns.names[0]: expected a name in the zone example.com, found 'shop.example.org'.",
            "7:47: dns.names[2]: 'SHOP.example.com' stands here a second time.",
            "8:21: dns.ttl.lower[1]: expected each step below the one before, found 300.");
  }

  @Test
  void readsASuiteThatWrites() {
    Runbook runbook =
        RunbookFile.parse(
            SMALLEST + "validate: {suite: {command: [./suite, --all], on: clone, timeout: 2h}}\n");

    assertThat(runbook.validate().suite())
        .isEqualTo(new SuiteSpec(List.of("./suite", "--all"), "clone", Duration.ofHours(2)));
    assertThat(
            requireNonNull(
                    RunbookFile.parse(
                            SMALLEST + "validate: {suite: {command: [./suite], on: clone}}\n")
                        .validate()
                        .suite())
                .timeout())
        .isEqualTo(Duration.ofHours(1));
  }

  @Test
  void refusesASuiteThatIsToWriteAnywhereElse() {
    assertThat(
            mistakesIn(SMALLEST + "validate: {suite: {command: [], on: replica, timeout: 3d}}\n"))
        .containsExactly(
            "5:29: validate.suite.command: expected a program and its arguments, found an empty list.",
            "5:37: validate.suite.on: expected clone, found 'replica': a suite that writes never runs"
                + " on source or target. Write on: clone",
            "5:55: validate.suite.timeout: expected at most 2d, found 3d: its clone takes the target's"
                + " room for as long.");
    assertThat(mistakesIn(SMALLEST + "validate: {suite: {timeout: 5m}}\n"))
        .hasSize(2)
        .allMatch(line -> line.contains("validate.suite."));
  }

  @Test
  void checksChecksGuardsAndWords() {
    String text =
        """
        validate:
          smoke:
            - {http: "https://shop.example.com/", sql: "select true"}
            - {expect: 200}
            - {http: ftp://shop.example.com, via: tarjet}
        guards:
          - {sql: "select true", then: rollbck, p99: 1s, interval: 10m}
        cutover: {window: Sunday at two, approval: yes, monitor: 0s}
        """;

    assertThat(mistakesIn(SMALLEST + text))
        .containsExactly(
            "7:7: validate.smoke[0]: expected exactly one of http, sql, command, found http and sql.",
            "8:7: validate.smoke[1]: expected exactly one of http, sql, command, found none.",
            "8:16: validate.smoke[1].expect: goes only with http.",
            "9:14: validate.smoke[2].http: expected a URL that begins with http:// or https:// and"
                + " names a host.",
            "9:43: validate.smoke[2].via: expected target or source, found 'tarjet'. Did you mean"
                + " 'target'?",
            "11:32: guards[0].then: expected ask or rollback, found 'rollbck'. Did you mean"
                + " 'rollback'?",
            "11:46: guards[0].p99: goes only with http.",
            "11:60: guards[0].interval: expected over (5m) to be at least 30 times interval (10m): a"
                + " guard never judges fewer samples.",
            "12:19: cutover.window: expected days, times and a time zone such as 'Sun 02:00-06:00"
                + " Europe/Stockholm', found 'Sunday at two'.",
            "12:44: cutover.approval: expected required or none, found 'yes'.",
            "12:58: cutover.monitor: expected a duration above zero, found 0.");
  }

  @Test
  void refusesAGuardThatCouldNeverAct() {
    assertThat(mistakesIn(SMALLEST + "guards: [{sql: select true, over: 29s}]\n"))
        .singleElement()
        .asString()
        .endsWith(
            "guards[0].over: expected over (29s) to be at least 30 times interval (1s): a guard"
                + " never judges fewer samples.");
    RunbookFile.parse(SMALLEST + "guards: [{sql: select true, over: 30s}]\n");
  }

  @Test
  void refusesAConnectThatNothingWouldCarryOut() {
    assertThat(mistakesIn(SMALLEST.replace("[manual]", "[{dns: {name: db.example.com}}]")))
        .singleElement()
        .asString()
        .endsWith(
            "connect[0].dns: not built in this release: nothing would move the name. Use command, or"
                + " manual where people move it.");
  }

  @Test
  void checksAddresses() {
    for (String good :
        List.of("192.0.2.1", "2001:db8::1", "::1", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8")) {
      assertThat(Addresses.isAddress(good)).as(good).isTrue();
    }
    for (String bad :
        List.of(
            "192.0.2.256",
            "192.0.2",
            "2001:db8:::1",
            "1:2:3:4:5:6:7",
            "::1::",
            "host",
            "01.2.3.4",
            "")) {
      assertThat(Addresses.isAddress(bad)).as(bad).isFalse();
    }
  }

  @Test
  void saysWhereTheFileIsNotYaml() {
    assertThat(mistakesIn("name: shop\n  source: x\n"))
        .containsExactly("2:9: : not YAML: mapping values are not allowed here.");
    assertThat(mistakesIn("")).singleElement().asString().contains("empty file");
    assertThat(mistakesIn("name: a\n---\nname: b\n"))
        .singleElement()
        .asString()
        .contains("not YAML");
    assertThat(mistakesIn("[1, 2]")).first().asString().contains("expected a mapping");
    assertThat(mistakesIn("a: &a [*a]\nconnect: &b [*b]\n")).isNotEmpty();
  }

  @Test
  void readsWhichTablesMoveAndSaysWhatNamesNone() {
    String tables =
        """
        replicate:
          tables:
            include: [shop.*]
            exclude: [shop.audit_*, 'shop."Old Orders"']
            excludeData: [shop.cache]
        """;
    TablesSpec read = requireNonNull(RunbookFile.parse(SMALLEST + tables).replicate().tables());

    assertThat(read.include()).containsExactly("shop.*");
    assertThat(read.exclude()).containsExactly("shop.audit_*", "shop.\"Old Orders\"");
    assertThat(read.excludeData()).containsExactly("shop.cache");
    assertThat(
            mistakesIn(
                SMALLEST
                    + tables
                        .replace("[shop.*]", "[orders, shop.a, shop.a]")
                        .replace("[shop.cache]", "[shop.audit_*, shop.my cache]")))
        .containsExactly(
            "7:15: replicate.tables.include[0]: expected schema.table, such as audit.* or public.\"Old"
                + " Orders\", found 'orders'.",
            "7:31: replicate.tables.include[2]: 'shop.a' stands here a second time.",
            "9:19: replicate.tables.excludeData[0]: 'shop.audit_*' stands under exclude: it is not made on"
                + " the target.",
            "9:33: replicate.tables.excludeData[1]: expected schema.table, such as audit.* or public.\"Old"
                + " Orders\", found 'shop.my cache': ' ' stands in double quotes only.");
    assertThat(mistakesIn(SMALLEST + "replicate: {tables: {exclude: []}}\n"))
        .containsExactly(
            "5:21: replicate.tables: expected at least one of include, exclude, excludeData, found none.");
  }

  @Test
  void readsWhichTablesComeFirstAndSaysWhatIsNoStage() {
    String staged =
        """
        replicate:
          method: staged
          stages:
            - {tables: [shop.orders, shop.customers]}
            - {tables: ['shop."Old Orders"']}
        """;
    Replicate read = RunbookFile.parse(SMALLEST + staged).replicate();

    assertThat(read.stages())
        .extracting(StageSpec::tables)
        .containsExactly(List.of("shop.orders", "shop.customers"), List.of("shop.\"Old Orders\""));
    assertThat(RunbookFile.parse(SMALLEST).replicate().method()).isEqualTo("online");
    assertThat(
            mistakesIn(
                SMALLEST
                    + staged
                        .replace("shop.customers", "shop.orders, orders")
                        .replace("'shop.\"Old Orders\"'", "shop.orders, shop.cache")
                    + "    - {tables: []}\n"
                    + "  tables: {excludeData: [shop.cache]}\n"))
        .containsExactly(
            "8:30: replicate.stages[0].tables[1]: 'shop.orders' stands here already.",
            "8:43: replicate.stages[0].tables[2]: expected schema.table, such as audit.* or public.\"Old"
                + " Orders\", found 'orders'.",
            "9:17: replicate.stages[1].tables[0]: 'shop.orders' stands in stage 1 already.",
            "9:30: replicate.stages[1].tables[1]: 'shop.cache' stands under replicate.tables: its rows do"
                + " not move.",
            "10:7: replicate.stages[2]: expected at least one pattern under tables, found none.");
    assertThat(mistakesIn(SMALLEST + "replicate: {method: staged}\n"))
        .containsExactly(
            "5:21: replicate.method: 'staged' expects replicate.stages, such as [{tables: [shop.orders,"
                + " shop.customers]}]; tables that no stage names come last.");
    assertThat(mistakesIn(SMALLEST + "replicate: {stages: [{tables: [shop.orders]}]}\n"))
        .containsExactly("5:21: replicate.stages: expected only with method: staged.");
    assertThat(mistakesIn(SMALLEST + "replicate: {method: stages}\n"))
        .containsExactly(
            "5:21: replicate.method: expected online or staged or offline, found 'stages'. Did you mean 'staged'?");
    assertThat(
            mistakesIn(
                SMALLEST
                    + "replicate: {method: staged, stages: ["
                    + String.join(", ", Collections.nCopies(9, "{tables: [a.b]}"))
                    + "]}\n"))
        .first()
        .asString()
        .contains("expected at most 8 stages, found 9");
  }

  @Test
  void copiesEverythingAtOnceWhereAHistoryKnowsNoStages() throws Exception {
    Move move = Move.of(RunbookFile.parse(SMALLEST));
    Move staged = move.inStages(List.of(new StageSpec(List.of("shop.orders"))));
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(data(staged));
    json.remove("stages");
    json.remove("offline");

    assertThat(read(json.toString(), Move.class)).isEqualTo(move);
    assertThat(move.staged()).isFalse();
    assertThat(read(new String(data(staged), StandardCharsets.UTF_8), Move.class))
        .isEqualTo(staged);
    assertThat(read("{\"generations\": 2, \"line\": \"3 tables\"}", CopyPlan.class))
        .isEqualTo(new CopyPlan(2, "3 tables"));
  }

  @Test
  void readsHowManySubscriptionsShareTheTables() {
    Runbook shared = RunbookFile.parse(SMALLEST + "replicate: {subscriptions: 3}\n");

    assertThat(Move.of(shared).streams()).isEqualTo(3);
    assertThat(Move.of(RunbookFile.parse(SMALLEST)).streams()).isEqualTo(1);
    assertThat(RunbookFile.parse(SMALLEST + "replicate: {subscriptions: 1}\n"))
        .isEqualTo(RunbookFile.parse(SMALLEST));
    assertThat(mistakesIn(SMALLEST + "replicate: {subscriptions: 9}\n"))
        .containsExactly("5:28: replicate.subscriptions: expected 1 to 8, found 9.");
    assertThat(mistakesIn(SMALLEST + "replicate: {subscriptions: 0}\n"))
        .containsExactly("5:28: replicate.subscriptions: expected 1 to 8, found 0.");
    assertThat(
            mistakesIn(
                SMALLEST
                    + "replicate: {subscriptions: 2, method: staged, stages: [{tables: [shop.orders]}]}\n"))
        .containsExactly(
            "5:28: replicate.subscriptions: expected only with method: online: stages join into one stream.");
    assertThat(mistakesIn(SMALLEST + "replicate: {subscriptions: 2, method: offline}\n"))
        .containsExactly(
            "5:28: replicate.subscriptions: expected only with method: online: nothing streams from a source that is closed first.");
  }

  /** Workers of before, and histories, know of no such word. */
  @Test
  void writesNothingOfOneSubscription() throws Exception {
    Runbook one = RunbookFile.parse(SMALLEST);
    Move shared = Move.of(one).sharedBy(3);

    assertThat(new String(data(Move.of(one)), StandardCharsets.UTF_8))
        .doesNotContain("subscriptions");
    assertThat(new String(data(one), StandardCharsets.UTF_8)).doesNotContain("subscriptions");
    assertThat(read(new String(data(shared), StandardCharsets.UTF_8), Move.class))
        .isEqualTo(shared)
        .extracting(Move::streams)
        .isEqualTo(3);
  }

  private static <T> T read(String json, Class<T> type) {
    Payload payload =
        DefaultDataConverter.STANDARD_INSTANCE.toPayload("").orElseThrow().toBuilder()
            .setData(ByteString.copyFromUtf8(json))
            .build();
    return DefaultDataConverter.STANDARD_INSTANCE.fromPayload(payload, type, type);
  }

  @Test
  void movesEverythingWhereAHistoryKnowsNoTables() throws Exception {
    Move move = Move.of(RunbookFile.parse(SMALLEST));
    Move some = move.choosing(new TablesSpec(List.of(), List.of("audit.*"), List.of()));
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(data(move));
    json.remove("tables");
    Payload old =
        DefaultDataConverter.STANDARD_INSTANCE.toPayload(move).orElseThrow().toBuilder()
            .setData(ByteString.copyFromUtf8(json.toString()))
            .build();

    assertThat(DefaultDataConverter.STANDARD_INSTANCE.fromPayload(old, Move.class, Move.class))
        .isEqualTo(move);
    assertThat(
            DefaultDataConverter.STANDARD_INSTANCE.fromPayload(
                DefaultDataConverter.STANDARD_INSTANCE.toPayload(some).orElseThrow(),
                Move.class,
                Move.class))
        .isEqualTo(some);
  }

  private static byte[] data(Object move) {
    return DefaultDataConverter.STANDARD_INSTANCE
        .toPayload(move)
        .orElseThrow()
        .getData()
        .toByteArray();
  }

  @Test
  void travelsThroughTemporalUnchanged() throws Exception {
    Runbook runbook = RunbookFile.parse(Examples.BY_UPDATES);

    Payload payload = DefaultDataConverter.STANDARD_INSTANCE.toPayload(runbook).orElseThrow();
    JsonNode json = new ObjectMapper().readTree(payload.getData().toByteArray());

    assertThat(
            DefaultDataConverter.STANDARD_INSTANCE.fromPayload(
                payload, Runbook.class, Runbook.class))
        .isEqualTo(runbook);
    assertThat(json.at("/rollback/window").asText()).isNotEqualTo("72h");
  }

  private static List<String> mistakesIn(String text) {
    InvalidRunbook invalid =
        catchThrowableOfType(InvalidRunbook.class, () -> RunbookFile.parse(text));
    assertThat(invalid).as("expected mistakes in:\n" + text).isNotNull();
    return invalid.errors().stream()
        .map(e -> e.line() + ":" + e.column() + ": " + e.path() + ": " + e.message())
        .toList();
  }
}
