package dev.whimbrel.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.whimbrel.activity.MachinesRequest;
import dev.whimbrel.activity.RetireRequest;
import dev.whimbrel.compute.ec2.AwsClients;
import dev.whimbrel.runbook.ProvisionSpec;
import dev.whimbrel.runbook.ProvisionSpec.Ec2Machine;
import dev.whimbrel.runbook.RetireSpec;
import dev.whimbrel.servers.Ec2Front;
import dev.whimbrel.servers.Ec2Service;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.profiles.ProfileFile;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.ec2.Ec2Client;
import software.amazon.awssdk.services.ec2.model.Filter;
import software.amazon.awssdk.services.ec2.model.Instance;
import software.amazon.awssdk.services.ec2.model.ResourceType;
import software.amazon.awssdk.services.ec2.model.Snapshot;
import software.amazon.awssdk.services.ec2.model.Tag;
import software.amazon.awssdk.services.ec2.model.TagSpecification;

/**
 * EC2's stand-in with two regions: machines are made in one and retired in the other. In each stand
 * things of somebody else, which must be the same after every test.
 */
final class Ec2World implements AutoCloseable {
  static final String TARGET = "eu-north-1";
  static final String SOURCE = "eu-west-1";

  static final Pace QUICK =
      new Pace(Duration.ofMillis(20), Duration.ofSeconds(5), Duration.ofMillis(500));

  private static final AtomicInteger MIGRATIONS = new AtomicInteger();

  private final Ec2Service service = Ec2Service.start();

  final Ec2Client target = client(TARGET);
  final Ec2Client source = client(SOURCE);
  final String image = image(target);
  final String sourceImage = image(source);
  final String subnet = target.describeSubnets().subnets().get(0).subnetId();
  final String group = target.describeSecurityGroups().securityGroups().get(0).groupId();
  final RegistryCompute compute;

  private final List<String> theirs = new ArrayList<>();
  private final List<Bystanders> bystanders =
      List.of(new Bystanders(target, image), new Bystanders(source, sourceImage));
  private final List<String> before = bystanders.stream().map(Bystanders::state).toList();

  /** An instance, a volume and a snapshot of somebody else. */
  private static final class Bystanders {
    private final Ec2Client client;
    private final String instance;
    private final String volume;
    private final String snapshot;

    Bystanders(Ec2Client client, String image) {
      this.client = client;
      this.instance =
          client
              .runInstances(
                  request ->
                      request
                          .imageId(image)
                          .instanceType("t3.micro")
                          .minCount(1)
                          .maxCount(1)
                          .tagSpecifications(tags("Name", "app-1")))
              .instances()
              .get(0)
              .instanceId();
      String zone = client.describeAvailabilityZones().availabilityZones().get(0).zoneName();
      this.volume =
          client.createVolume(request -> request.availabilityZone(zone).size(7)).volumeId();
      this.snapshot =
          client
              .createSnapshot(request -> request.volumeId(volume).description("ours"))
              .snapshotId();
    }

    String state() {
      return String.join(
          "\n",
          client
              .describeInstances(request -> request.instanceIds(instance))
              .reservations()
              .toString(),
          client.describeVolumes(request -> request.volumeIds(volume)).volumes().toString(),
          client
              .describeSnapshots(request -> request.snapshotIds(snapshot))
              .snapshots()
              .toString());
    }
  }

  Ec2World() {
    this(QUICK);
  }

  /** With another patience than {@link #QUICK}. */
  Ec2World(Pace pace) {
    compute = new RegistryCompute(aws(), pace);
  }

  Ec2Front front() {
    return service.front();
  }

  /**
   * Clients as the product makes them, which find the stand-in by a profile file, and do not pause
   * for seconds before they ask again.
   */
  AwsClients aws() {
    String profile =
        """
        [default]
        endpoint_url = %s
        aws_access_key_id = test
        aws_secret_access_key = test
        """
            .formatted(service.endpoint());
    ProfileFile file =
        ProfileFile.builder().content(profile).type(ProfileFile.Type.CREDENTIALS).build();
    return new AwsClients(() -> file, Duration.ofMillis(20));
  }

  /** What a worker's process needs in its environment to come here by the SDK's default chains. */
  Map<String, String> environment() {
    return Map.of(
        "AWS_ENDPOINT_URL", service.endpoint().toString(),
        "AWS_ACCESS_KEY_ID", "test",
        "AWS_SECRET_ACCESS_KEY", "test");
  }

  private Ec2Client client(String region) {
    return Ec2Client.builder()
        .region(Region.of(region))
        .endpointOverride(endpoint())
        .credentialsProvider(
            StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
        .httpClient(UrlConnectionHttpClient.create())
        .build();
  }

  private URI endpoint() {
    return service.endpoint();
  }

  private static String image(Ec2Client client) {
    return client
        .describeImages(
            request -> request.owners("amazon").filters(filter("architecture", "x86_64")))
        .images()
        .get(0)
        .imageId();
  }

  /** A name that no other test uses. */
  static String migration() {
    return "shop-" + MIGRATIONS.incrementAndGet();
  }

  Ec2Machine machine(String name) {
    return new Ec2Machine(
        name, null, image, "t3.medium", subnet, List.of(group), null, null, Map.of("team", "shop"));
  }

  static Ec2Machine adopting(String name, String id) {
    return new Ec2Machine(name, id, null, null, null, List.of(), null, null, Map.of());
  }

  static MachinesRequest request(String migration, Ec2Machine... machines) {
    return request(
        migration, new ProvisionSpec.Ec2(TARGET, List.of(machines), List.of(), List.of()));
  }

  static MachinesRequest request(String migration, ProvisionSpec.Ec2 ec2) {
    return new MachinesRequest(migration, new ProvisionSpec(ec2, null, null));
  }

  static RetireRequest retire(String migration, String... ids) {
    return new RetireRequest(
            migration,
            new RetireSpec(SOURCE, List.of(ids), List.of(), Duration.ofDays(7), "required"))
        .seen(List.of(ids));
  }

  /** An instance that a test may do with as it likes, with these tags (key, value, …). */
  String instance(Ec2Client client, String... tags) {
    return client
        .runInstances(
            request -> {
              request
                  .imageId(client == target ? image : sourceImage)
                  .instanceType("t3.micro")
                  .minCount(1)
                  .maxCount(1);
              if (tags.length > 0) {
                request.tagSpecifications(tags(tags));
              }
            })
        .instances()
        .get(0)
        .instanceId();
  }

  /** A machine of somebody else that carries this migration's tags. */
  void tagged(String migration, String machine) {
    theirs.add(instance(target, "whimbrel:migration", migration, "whimbrel:machine", machine));
  }

  /**
   * Whoever made machines with a migration's tags ends them; until then nobody has touched them.
   */
  void theyLeave() {
    for (String each : theirs) {
      assertThat(state(target, each)).isEqualTo("running");
      target.terminateInstances(ask -> ask.instanceIds(each));
    }
    theirs.clear();
  }

  void deleteSnapshots(Ec2Client client, String migration) {
    snapshots(client, migration)
        .forEach(each -> client.deleteSnapshot(ask -> ask.snapshotId(each.snapshotId())));
  }

  /** That nothing of a migration is there any more. */
  void assertNothingLeft(String migration) {
    assertThat(alive(migration)).isEmpty();
    for (Ec2Client client : List.of(source, target)) {
      assertThat(snapshots(client, migration)).isEmpty();
      assertThat(
              client
                  .describeVolumes(
                      request -> request.filters(filter("tag:whimbrel:migration", migration)))
                  .volumes())
          .isEmpty();
    }
  }

  String volume(Ec2Client client) {
    String zone = client.describeAvailabilityZones().availabilityZones().get(0).zoneName();
    return client.createVolume(request -> request.availabilityZone(zone).size(11)).volumeId();
  }

  static TagSpecification tags(String... pairs) {
    List<Tag> tags = new ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      tags.add(tag(pairs[i], pairs[i + 1]));
    }
    return TagSpecification.builder().resourceType(ResourceType.INSTANCE).tags(tags).build();
  }

  static Tag tag(String key, String value) {
    return Tag.builder().key(key).value(value).build();
  }

  static Filter filter(String name, String... values) {
    return Filter.builder().name(name).values(values).build();
  }

  /** What a migration has in the target's region that is not gone. */
  List<Instance> alive(String migration) {
    return target
        .describeInstances(
            request ->
                request.filters(
                    filter("tag:whimbrel:migration", migration),
                    filter("instance-state-name", "pending", "running", "stopping", "stopped")))
        .reservations()
        .stream()
        .flatMap(each -> each.instances().stream())
        .toList();
  }

  static List<Snapshot> snapshots(Ec2Client client, String migration) {
    return client
        .describeSnapshots(
            request ->
                request.ownerIds("self").filters(filter("tag:whimbrel:migration", migration)))
        .snapshots();
  }

  static String state(Ec2Client client, String id) {
    return client.describeInstances(request -> request.instanceIds(id)).reservations().stream()
        .flatMap(each -> each.instances().stream())
        .map(each -> each.state().nameAsString())
        .collect(Collectors.joining());
  }

  /** Heals the stand-in, and makes sure that what belongs to somebody else is as it was. */
  void assertBystandersUntouched() {
    front().heal();
    front().hideNewInstances(0);
    assertThat(bystanders.stream().map(Bystanders::state).toList()).isEqualTo(before);
  }

  @Override
  public void close() {
    service.close();
  }
}
