package dev.whimbrel.azure;

import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpPipelineCallContext;
import com.azure.core.http.HttpPipelineNextPolicy;
import com.azure.core.http.HttpResponse;
import com.azure.core.http.policy.HttpPipelinePolicy;
import com.azure.core.util.Context;
import reactor.core.publisher.Mono;

/**
 * Sends {@code If-None-Match: *} with a PUT that is to make something and never to change it, for
 * calls to which the SDK gives no parameter for that. The looks at the operation that follows go
 * without it: there it would mean something else. Microsoft describes the header neither for
 * network interfaces and snapshots nor for profiles of Traffic Manager; who sends it reads back
 * what was made.
 */
public final class OnlyNew implements HttpPipelinePolicy {
  /** What is answered where something is there. */
  public static final int IS_THERE = 412;

  private static final String KEY = "whimbrel-only-new";

  /** Marks a call. */
  public static Context mark() {
    return new Context(KEY, true);
  }

  @Override
  public Mono<HttpResponse> process(HttpPipelineCallContext call, HttpPipelineNextPolicy next) {
    if (call.getHttpRequest().getHttpMethod() == HttpMethod.PUT && call.getData(KEY).isPresent()) {
      call.getHttpRequest().setHeader(HttpHeaderName.IF_NONE_MATCH, "*");
    }
    return next.process();
  }
}
