package dev.whimbrel.runbook;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The target's machines. Everything that is made carries the migration's name as a tag, and nothing
 * else is ever changed.
 *
 * @param ec2 machines at Amazon EC2
 * @param azure virtual machines at Azure
 * @param command commands of the team's own, for Helm, Terraform and the like
 */
public record ProvisionSpec(@Nullable Ec2 ec2, @Nullable Azure azure, @Nullable Command command) {

  /**
   * Machines at Amazon EC2, with the SDK's default credentials.
   *
   * @param region where they are made
   * @param machines which
   * @param snapshots volumes that are snapshot and copied to the region
   * @param securityGroups pairs of security groups that must allow the same
   */
  public record Ec2(
      @JsonProperty(required = true) String region,
      List<Ec2Machine> machines,
      List<Ec2Snapshot> snapshots,
      List<Ec2Groups> securityGroups) {
    public Ec2 {
      machines = Defaults.list(machines);
      snapshots = Defaults.list(snapshots);
      securityGroups = Defaults.list(securityGroups);
    }
  }

  /**
   * One instance.
   *
   * @param name what the runbook calls it; it becomes the tag {@code whimbrel:machine}
   * @param adopt the id of an instance that is there already; it is checked and never terminated
   * @param image the AMI
   * @param type the instance type
   * @param subnet the subnet
   * @param securityGroups the security groups
   * @param key the name of the key pair
   * @param userData absolute path of a file on the worker
   * @param tags more tags
   */
  public record Ec2Machine(
      @JsonProperty(required = true) String name,
      @Nullable String adopt,
      @Nullable String image,
      @Nullable String type,
      @Nullable String subnet,
      List<String> securityGroups,
      @Nullable String key,
      @Nullable String userData,
      Map<String, String> tags) {
    public Ec2Machine {
      securityGroups = Defaults.list(securityGroups);
      tags = Defaults.map(tags);
    }
  }

  /**
   * A volume whose snapshot is copied to the target's region.
   *
   * @param volume the volume
   * @param region where it is
   */
  public record Ec2Snapshot(
      @JsonProperty(required = true) String volume, @JsonProperty(required = true) String region) {}

  /**
   * Two security groups that must allow the same.
   *
   * @param source the source side's group
   * @param sourceRegion where it is
   * @param target the target side's group, in the region of {@code provision.ec2}
   */
  public record Ec2Groups(
      @JsonProperty(required = true) String source,
      @JsonProperty(required = true) String sourceRegion,
      @JsonProperty(required = true) String target) {}

  /**
   * Virtual machines at Azure, with the SDK's default credentials.
   *
   * @param subscription the subscription's id
   * @param resourceGroup the resource group, which must exist
   * @param location where they are made
   * @param machines which
   * @param snapshots disks that are snapshot and copied to the location
   * @param securityGroups pairs of network security groups that must allow the same
   */
  public record Azure(
      @JsonProperty(required = true) String subscription,
      @JsonProperty(required = true) String resourceGroup,
      @JsonProperty(required = true) String location,
      List<AzureMachine> machines,
      List<AzureSnapshot> snapshots,
      List<AzureGroups> securityGroups) {
    public Azure {
      machines = Defaults.list(machines);
      snapshots = Defaults.list(snapshots);
      securityGroups = Defaults.list(securityGroups);
    }
  }

  /**
   * One virtual machine.
   *
   * @param name its name in Azure, and the tag {@code whimbrel-machine}
   * @param adopt the id of a machine that is there already; it is checked and never deleted
   * @param image an image's id, or {@code publisher:offer:sku:version}
   * @param size the size, such as {@code Standard_B2s}
   * @param subnet the subnet's id
   * @param securityGroup the id of the network security group of its network interface
   * @param adminUser the user that is made
   * @param sshKey that user's public key
   * @param userData absolute path of a file on the worker
   * @param tags more tags
   */
  public record AzureMachine(
      @JsonProperty(required = true) String name,
      @Nullable String adopt,
      @Nullable String image,
      @Nullable String size,
      @Nullable String subnet,
      @Nullable String securityGroup,
      @Nullable String adminUser,
      @Nullable String sshKey,
      @Nullable String userData,
      Map<String, String> tags) {
    public AzureMachine {
      tags = Defaults.map(tags);
    }
  }

  /**
   * A disk whose snapshot is copied to the target's location.
   *
   * @param disk the disk's id
   */
  public record AzureSnapshot(@JsonProperty(required = true) String disk) {}

  /**
   * Two network security groups that must allow the same.
   *
   * @param source the id of the source side's group
   * @param target the id of the target side's group
   */
  public record AzureGroups(
      @JsonProperty(required = true) String source, @JsonProperty(required = true) String target) {}

  /**
   * Commands of the team's own; all are run without a shell.
   *
   * @param doIt makes the machines; again is harmless
   * @param check ends with 0 when they are healthy
   * @param undo removes what {@code do} has made
   */
  public record Command(
      @JsonProperty(value = "do", required = true) List<String> doIt,
      @JsonProperty(required = true) List<String> check,
      @JsonProperty(required = true) List<String> undo) {}
}
