package dev.whimbrel.aws;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.core.exception.SdkClientException;

class LackingCredentialsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "The requested metadata is not found at http://169.254.170.2/v2/credentials/0a1b2c3d"
            + " | The requested metadata is not found at …",
        "The full URI (http://192.0.2.1/v2/credentials/0a1b2c3d) contained within environment"
            + " variable AWS_CONTAINER_CREDENTIALS_FULL_URI has an invalid host."
            + " | The full URI … contained within environment variable"
            + " AWS_CONTAINER_CREDENTIALS_FULL_URI has an invalid host",
        "Expired: eyJhbGciOi.0a1b2c3d.c2ln (Service: Sts, Status Code: 400)"
            + " | Expired: … (Service: Sts, Status Code: 400)",
        "Connect to http://[fd00:ec2::23]/v1/0a1b2c3d?token=eyJhbGciOi.0a1b2c3d.c2ln failed"
            + " | Connect to … failed"
      })
  void showsNeitherAddressesNorTokensThatASourceSpeaksOf(String said, String shown) {
    SdkClientException failure =
        SdkClientException.create(
            "Unable to load credentials from any of the providers in the chain"
                + " AwsCredentialsProviderChain(credentialsProviders=[ProfileCredentialsProvider()])"
                + " : [ProfileCredentialsProvider(profileName=whimbrel): "
                + said
                + "]");

    Optional<LackingCredentials> lacking = LackingCredentials.in(failure);

    assertThat(lacking)
        .contains(new LackingCredentials(false, "ProfileCredentialsProvider: " + shown));
  }
}
