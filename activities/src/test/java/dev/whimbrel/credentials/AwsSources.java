package dev.whimbrel.credentials;

import dev.whimbrel.servers.Route53Service;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Where AWS's SDK finds credentials, each led to a stand-in by what the SDK itself reads. */
record AwsSources(Route53Service route53, SourceFiles files) {
  private static final String ROLE = "arn:aws:iam::123456789012:role/whimbrel";

  /**
   * @param patience seconds that the SDK waits for an answer, by default one: no more than a busy
   *     machine may take for a sound one
   */
  Source metadata(int patience) {
    TokenService tokens = TokenService.http(AwsAnswers::metadata);
    return source(
        "AWS: metadata of the instance",
        "InstanceProfileCredentialsProvider|this machine has no metadata",
        tokens,
        null,
        Map.of(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            tokens.url(""),
            "AWS_METADATA_SERVICE_TIMEOUT",
            Integer.toString(patience)));
  }

  /** The task's path is all that the agent asks for, and is a secret. */
  Source ecs() {
    TokenService tokens = TokenService.http(AwsAnswers::ecs);
    return source(
        "AWS: ECS",
        "ContainerCredentialsProvider \\(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI\\)",
        tokens,
        null,
        Map.of(
            "AWS_CONTAINER_SERVICE_ENDPOINT",
            tokens.url(""),
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "/v2/credentials/" + CredentialFaultsTest.SECRET));
  }

  Source podIdentity() {
    TokenService tokens = TokenService.http(AwsAnswers::podIdentity);
    Path file = files.token("eks-pod-identity-token");
    return source(
        "AWS: EKS, pod identity",
        "ContainerCredentialsProvider \\(AWS_CONTAINER_CREDENTIALS_FULL_URI\\)",
        tokens,
        file,
        Map.of(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            tokens.url("/v1/credentials"),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.toString()));
  }

  Source webIdentity() {
    TokenService tokens = TokenService.http(AwsAnswers::sts);
    Path file = files.token("web-identity-token");
    return source(
        "AWS: STS, web identity",
        "WebIdentityTokenFileCredentialsProvider",
        tokens,
        file,
        Map.of(
            "AWS_ENDPOINT_URL_STS",
            tokens.url(""),
            "AWS_ROLE_ARN",
            ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            file.toString()));
  }

  Source assumedRole() {
    TokenService tokens = TokenService.http(AwsAnswers::sts);
    String config =
        """
        [profile whimbrel]
        role_arn = %s
        source_profile = base
        region = eu-west-1

        [profile base]
        aws_access_key_id = AKIAEXAMPLE
        aws_secret_access_key = %s
        """
            .formatted(ROLE, CredentialFaultsTest.SECRET);
    return source(
        "AWS: STS, a role of a profile",
        "ProfileCredentialsProvider",
        tokens,
        null,
        Map.of(
            "AWS_ENDPOINT_URL_STS",
            tokens.url(""),
            "AWS_PROFILE",
            "whimbrel",
            "AWS_CONFIG_FILE",
            files.write("aws-config", config)));
  }

  /** A profile whose role is assumed by what a container has. */
  Source containerOfAProfile() {
    TokenService tokens = TokenService.http(AwsAnswers::ecsAndSts);
    String config =
        """
        [profile whimbrel]
        role_arn = %s
        credential_source = EcsContainer
        region = eu-west-1
        """
            .formatted(ROLE);
    return source(
        "AWS: ECS, by a profile",
        "ProfileCredentialsProvider",
        tokens,
        null,
        Map.of(
            "AWS_CONTAINER_SERVICE_ENDPOINT",
            tokens.url(""),
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "/v2/credentials/" + CredentialFaultsTest.SECRET,
            "AWS_ENDPOINT_URL_STS",
            tokens.url(""),
            "AWS_PROFILE",
            "whimbrel",
            "AWS_CONFIG_FILE",
            files.write("aws-config-of-a-container", config)));
  }

  private Source source(
      String name,
      String shown,
      TokenService tokens,
      @Nullable Path file,
      Map<String, String> environment) {
    Map<String, String> all = new TreeMap<>(environment);
    all.put("AWS_ENDPOINT_URL_ROUTE_53", route53.endpoint().toString());
    all.put("AWS_REGION", "eu-west-1");
    // A silent STS takes the SDK half a minute, each time.
    all.put("AWS_MAX_ATTEMPTS", "1");
    all.putIfAbsent("AWS_CONFIG_FILE", files.write("none", ""));
    all.put("AWS_SHARED_CREDENTIALS_FILE", files.write("none", ""));
    return new Source(
        name,
        shown,
        tokens,
        file,
        all,
        List.of(),
        "route53:" + route53.zoneId(),
        "127.0.0.1:" + route53.dnsPort(),
        fault -> {});
  }
}
