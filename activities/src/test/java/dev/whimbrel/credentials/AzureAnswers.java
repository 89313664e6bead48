package dev.whimbrel.credentials;

import static dev.whimbrel.credentials.AwsAnswers.parameter;

import dev.whimbrel.credentials.TokenService.Answer;
import dev.whimbrel.credentials.TokenService.Asked;
import java.time.Instant;
import java.util.function.Supplier;

/**
 * What Azure's services that hand out tokens answer.
 *
 * @param tokens new ones, which Resource Manager takes
 */
record AzureAnswers(Supplier<String> tokens) {
  private static final String THROTTLED =
      "{\"error\": \"too_many_requests\", \"error_description\": \"AADSTS90055: too many requests\"}";
  private static final String BROKEN =
      "{\"error\": \"server_error\", \"error_description\": \"AADSTS90033: a transient error has occurred\"}";

  /** App Service, to a program with a managed identity. */
  Answer appService(Asked asked, Fault fault) {
    return switch (fault) {
      case THROTTLED -> Answer.json(429, THROTTLED);
      case BROKEN -> Answer.json(500, BROKEN);
      case DENIED ->
          Answer.json(
              400,
              "{\"statusCode\": 400, \"message\": \"No User Assigned or Delegated Managed Identity found\"}");
      default -> token();
    };
  }

  /** The metadata of a machine; the first look is without the header that a token needs. */
  Answer metadata(Asked asked, Fault fault) {
    return switch (fault) {
      case THROTTLED -> Answer.json(429, THROTTLED);
      case BROKEN -> Answer.json(500, BROKEN);
      case DENIED ->
          Answer.json(
              400,
              "{\"error\": \"invalid_request\", \"error_description\": \"Identity not found\"}");
      default -> token();
    };
  }

  /** A machine with two identities: its own, which is always well, and one that has to be named. */
  Answer metadataOfTwo(Asked asked, Fault fault) {
    boolean forAToken = !parameter(asked.query(), "resource").isEmpty();
    boolean isNamed = parameter(asked.query(), "client_id").equals(AzureSources.CLIENT);
    return metadata(asked, forAToken && !isNamed ? Fault.NONE : fault);
  }

  /** The directory. */
  Answer directory(Asked asked, Fault fault) {
    String assertion = parameter(asked.body(), "client_assertion");
    return switch (fault) {
      case THROTTLED -> Answer.json(429, THROTTLED);
      case BROKEN -> Answer.json(500, BROKEN);
      case DENIED ->
          Answer.json(
              401,
              "{\"error\": \"invalid_client\", \"error_description\": \"%s\"}"
                  .formatted(
                      assertion.isEmpty()
                          ? "AADSTS7000215: Invalid client secret provided."
                          : "AADSTS700213: No matching federated identity record found for presented assertion subject."));
      default ->
          assertion.isEmpty() || assertion.equals(SourceFiles.GOOD)
              ? token()
              : Answer.json(
                  401,
                  "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS700024: Client assertion is not within its valid time range.\"}");
    };
  }

  /** The public directory, asked whether it knows an authority. */
  static Answer discovery() {
    return Answer.json(
        400,
        "{\"error\": \"invalid_instance\", \"error_description\": \"AADSTS50049: Unknown or invalid instance.\", \"error_codes\": [50049]}");
  }

  private Answer token() {
    return Answer.json(
        200,
        "{\"access_token\": \"%s\", \"token_type\": \"Bearer\", \"expires_in\": 86399, \"expires_on\": \"%d\", \"resource\": \"https://management.azure.com/\"}"
            .formatted(tokens.get(), Instant.now().plusSeconds(86_399).getEpochSecond()));
  }
}
