package dev.whimbrel.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@Needs(Program.MOTO)
class Ec2ServiceTest {
  private static final Pattern INSTANCE = Pattern.compile("<instanceId>(i-[0-9a-f]+)</instanceId>");
  private static final Pattern IMAGE = Pattern.compile("<imageId>(ami-[0-9a-f]+)</imageId>");

  private static Ec2Service service;
  private static String image;

  @BeforeAll
  static void start() throws IOException, InterruptedException {
    service = Ec2Service.start();
    image = first(IMAGE, call("DescribeImages", "Owner.1=amazon").body());
  }

  @AfterAll
  static void end() {
    service.close();
  }

  @AfterEach
  void heal() {
    service.front().heal();
    service.front().hideNewInstances(0);
    service.front().forgetCalls();
  }

  @Test
  void launchesOneInstanceForOneToken() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();

    CompletableFuture<String> other = CompletableFuture.supplyAsync(() -> quietly(token));
    String first = run(token).body();
    String second = run(token).body();

    assertThat(INSTANCE.matcher(first).results().count()).isEqualTo(1);
    assertThat(first(INSTANCE, second)).isEqualTo(first(INSTANCE, first));
    assertThat(first(INSTANCE, other.get())).isEqualTo(first(INSTANCE, first));
  }

  @Test
  void refusesATokenWithOtherParameters() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();

    run(token);
    HttpResponse<String> other = run(token, "EbsOptimized=true");

    assertThat(other.statusCode()).isEqualTo(400);
    assertThat(other.body()).contains("<Code>IdempotentParameterMismatch</Code>");
  }

  @Test
  void refusesATokenWhoseInstanceIsTerminated() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();

    String instance = first(INSTANCE, run(token).body());
    call("TerminateInstances", "InstanceId.1=" + instance);

    assertThat(run(token).body()).contains("<Code>IdempotentInstanceTerminated</Code>");
  }

  @Test
  void losesAnAnswerAfterTheLaunch() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();
    String tag = tag(token);
    service.front().fail("RunInstances", 1, Fault.ANSWER_LOST);

    assertThatThrownBy(() -> run(token, tag)).isInstanceOf(IOException.class);

    assertThat(service.front().calls("RunInstances"))
        .extracting(ServiceFront.Call::ended)
        .containsExactly("answer lost");
    assertThat(first(INSTANCE, found(token))).isEqualTo(first(INSTANCE, run(token, tag).body()));
  }

  @Test
  void losesARequestBeforeTheLaunch() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();
    service.front().fail("RunInstances", 1, Fault.REQUEST_LOST);

    assertThatThrownBy(() -> run(token, tag(token))).isInstanceOf(IOException.class);

    assertThat(found(token)).doesNotContain("<instanceId>");
  }

  @Test
  void answersAnErrorAsOftenAsAsked() throws Exception {
    service.front().fail("RunInstances", 2, Fault.refused(503, "RequestLimitExceeded"));

    List<Integer> statuses = Stream.of(1, 2, 3).map(each -> status()).toList();

    assertThat(statuses).containsExactly(503, 503, 200);
    assertThat(service.front().calls("RunInstances"))
        .extracting(ServiceFront.Call::ended)
        .containsExactly("503 RequestLimitExceeded", "503 RequestLimitExceeded", "200");
  }

  @Test
  void breaksForGoodAfterSomeCallsUntilItIsHealed() throws Exception {
    service.front().breakAfter(1, Fault.ANSWER_LOST);

    int first = status();

    assertThat(first).isEqualTo(200);
    assertThatThrownBy(() -> run()).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> run()).isInstanceOf(IOException.class);
    assertThat(service.front().calls())
        .extracting(ServiceFront.Call::ended)
        .containsExactly("200", "answer lost", "request lost");
    service.front().heal();
    assertThat(status()).isEqualTo(200);
  }

  @Test
  void doesNotSeeANewInstanceAtFirst() throws Exception {
    String token = "ClientToken=" + UUID.randomUUID();
    String bystander = first(INSTANCE, run(tag(token)).body());
    service.front().hideNewInstances(2);

    String instance = first(INSTANCE, run(tag(token)).body());

    assertThat(found(token)).contains(bystander).doesNotContain(instance);
    assertThat(call("DescribeInstances", "InstanceId.1=" + instance).body())
        .contains("<Code>InvalidInstanceID.NotFound</Code>");
    assertThat(found(token)).contains(bystander).contains(instance);
  }

  @Test
  void keepsRegionsApart() throws Exception {
    String instance = first(INSTANCE, run().body());

    String elsewhere =
        ask("eu-west-1", "Action=DescribeInstances", "InstanceId.1=" + instance).body();

    assertThat(elsewhere).contains("<Code>InvalidInstanceID.NotFound</Code>");
  }

  @Test
  void findsByTokenWhatItHasLaunched() throws Exception {
    String token = "find-" + UUID.randomUUID();
    String instance = first(INSTANCE, run("ClientToken=" + token + "-0").body());
    String bystander = first(INSTANCE, run("ClientToken=" + UUID.randomUUID()).body());

    String found =
        call("DescribeInstances", "Filter.1.Name=client-token", "Filter.1.Value.1=" + token + "-*")
            .body();

    assertThat(found).contains(instance).doesNotContain(bystander);
  }

  private static String tag(String token) {
    return "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=token"
        + "&TagSpecification.1.Tag.1.Value="
        + token.substring(token.indexOf('=') + 1);
  }

  private static String found(String token) throws IOException, InterruptedException {
    return call(
            "DescribeInstances",
            "Filter.1.Name=tag:token",
            "Filter.1.Value.1=" + token.substring(token.indexOf('=') + 1))
        .body();
  }

  private static int status() {
    try {
      return run().statusCode();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static String quietly(String parameter) {
    try {
      return run(parameter).body();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static HttpResponse<String> run(String... more) throws IOException, InterruptedException {
    List<String> all =
        Stream.concat(
                Stream.of("ImageId=" + image, "InstanceType=t3.micro", "MinCount=1", "MaxCount=1"),
                Arrays.stream(more))
            .toList();
    return call("RunInstances", all.toArray(String[]::new));
  }

  private static HttpResponse<String> call(String action, String... parameters)
      throws IOException, InterruptedException {
    return ask(
        "eu-north-1",
        Stream.concat(Stream.of("Action=" + action), Arrays.stream(parameters))
            .toArray(String[]::new));
  }

  private static HttpResponse<String> ask(String region, String... parameters)
      throws IOException, InterruptedException {
    String body =
        Arrays.stream(parameters)
            .flatMap(each -> Arrays.stream(each.split("&")))
            .map(each -> each.split("=", 2))
            .map(each -> each[0] + "=" + URLEncoder.encode(each[1], StandardCharsets.UTF_8))
            .collect(Collectors.joining("&", "Version=2016-11-15&", ""));
    URI endpoint = service.endpoint();
    // A client of its own each time: a connection that was broken is not used again by mistake.
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(endpoint)
                .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
                .header(
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=test/20260101/" + region + "/ec2/aws4_request, x")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  private static String first(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    assertThat(matcher.find()).as(text).isTrue();
    return matcher.group(1);
  }
}
