package dev.whimbrel.worker;

import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptor;

/** Names the step of every activity, and stands around it: see {@link AroundActivity}. */
final class StepInterceptor extends WorkerInterceptorBase {
  private final StepFailures failures;
  private final SwitchoversInFlight inFlight;

  StepInterceptor(StepFailures failures, SwitchoversInFlight inFlight) {
    this.failures = failures;
    this.inFlight = inFlight;
  }

  @Override
  public WorkflowInboundCallsInterceptor interceptWorkflow(WorkflowInboundCallsInterceptor next) {
    return new WorkflowInboundCallsInterceptorBase(next) {
      @Override
      public void init(WorkflowOutboundCallsInterceptor outbound) {
        super.init(new StepHeader(outbound));
      }
    };
  }

  @Override
  public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
    return new AroundActivity(next, failures, inFlight);
  }
}
