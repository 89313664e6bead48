package dev.whimbrel.worker;

import io.temporal.api.common.v1.Payload;
import io.temporal.common.converter.DefaultDataConverter;
import io.temporal.common.interceptors.Header;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptorBase;
import java.util.HashMap;
import java.util.Map;

/**
 * Carries the step's id from the workflow to its activity in a header, since an activity cannot see
 * its own summary. The id is the summary's first word, without a colon behind it.
 */
final class StepHeader extends WorkflowOutboundCallsInterceptorBase {
  private static final String NAME = "whimbrel-step";

  StepHeader(WorkflowOutboundCallsInterceptor next) {
    super(next);
  }

  /** The step's id, or {@code otherwise} where the workflow gave no summary. */
  static String read(Header header, String otherwise) {
    Payload step = header.getValues().get(NAME);
    return step == null
        ? otherwise
        : DefaultDataConverter.STANDARD_INSTANCE.fromPayload(step, String.class, String.class);
  }

  @Override
  public <R> ActivityOutput<R> executeActivity(ActivityInput<R> input) {
    String summary = input.getOptions().getSummary();
    if (summary == null || summary.isBlank()) {
      return super.executeActivity(input);
    }
    Map<String, Payload> values = new HashMap<>(input.getHeader().getValues());
    DefaultDataConverter.STANDARD_INSTANCE
        .toPayload(summary.strip().split(":?(\\s|$)", 2)[0])
        .ifPresent(step -> values.put(NAME, step));
    return super.executeActivity(
        new ActivityInput<>(
            input.getActivityName(),
            input.getResultClass(),
            input.getResultType(),
            input.getArgs(),
            input.getOptions(),
            new Header(values)));
  }
}
