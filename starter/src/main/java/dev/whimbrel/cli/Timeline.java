package dev.whimbrel.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.whimbrel.activity.Redaction;
import dev.whimbrel.activity.WalReport;
import dev.whimbrel.migration.MigrationResult;
import dev.whimbrel.migration.MigrationWorkflow;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.update.v1.Request;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What people and the world did to a migration, from Temporal's history: it needs no worker.
 *
 * @param events in their order
 * @param length how many events the history holds in all
 */
record Timeline(List<Event> events, int length) {

  /**
   * One of them.
   *
   * @param at when
   * @param what started, approve, rollback, …
   * @param by who, as claimed, or null
   * @param detail reason, step or result, or null
   */
  record Event(Instant at, String what, @Nullable String by, @Nullable String detail) {
    String line(Instant now, ZoneId zone) {
      return "%s  %s%s%s"
          .formatted(
              Words.time(at, now, zone),
              what,
              by == null ? "" : " by " + by + " (claimed)",
              detail == null ? "" : ": " + detail);
    }
  }

  static Timeline of(Temporal temporal, String name) {
    List<HistoryEvent> history =
        temporal.client().fetchHistory(MigrationWorkflow.ID_PREFIX + name).getEvents();
    MigrationResult result = new Migrations(temporal).result(name);
    String cancelledAs = result == null ? null : result.line();
    List<Event> events = new ArrayList<>();
    for (HistoryEvent event : history) {
      Event told = told(event, cancelledAs);
      if (told != null) {
        events.add(told);
      }
    }
    return new Timeline(List.copyOf(events), history.size());
  }

  private static @Nullable Event told(HistoryEvent event, @Nullable String cancelledAs) {
    Instant at = Migrations.instant(event.getEventTime(), Instant.EPOCH);
    return switch (event.getEventType()) {
      case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED -> {
        JsonNode start = json(event.getWorkflowExecutionStartedEventAttributes().getInput());
        yield new Event(at, "started", text(start, "startedBy"), null);
      }
      case EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED -> {
        Request request =
            event.getWorkflowExecutionUpdateAcceptedEventAttributes().getAcceptedRequest();
        yield decided(at, request.getInput().getName(), json(request.getInput().getArgs()));
      }
      case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED -> {
        var signal = event.getWorkflowExecutionSignaledEventAttributes();
        yield decided(at, "signal " + signal.getSignalName(), json(signal.getInput()));
      }
      case EVENT_TYPE_ACTIVITY_TASK_COMPLETED ->
          released(at, json(event.getActivityTaskCompletedEventAttributes().getResult()));
      case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED -> new Event(at, "cancel", null, null);
      case EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED ->
          new Event(
              at,
              "terminated",
              null,
              event.getWorkflowExecutionTerminatedEventAttributes().getReason());
      case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED -> {
        JsonNode result = json(event.getWorkflowExecutionCompletedEventAttributes().getResult());
        yield new Event(at, "ended", null, text(result, "line"));
      }
      case EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED -> new Event(at, "ended", null, cancelledAs);
      default -> null;
    };
  }

  /** What a watch did by itself at the limit for the kept log. */
  private static @Nullable Event released(Instant at, @Nullable JsonNode result) {
    return WalReport.What.RELEASED.name().equals(text(result, "what"))
        ? new Event(at, "slots dropped", null, text(result, "line"))
        : null;
  }

  private static Event decided(Instant at, String what, @Nullable JsonNode request) {
    String verb = what.equals("requestRollback") ? "rollback" : what;
    String step = text(request, "step");
    String reason = text(request, "reason");
    String detail = step == null ? reason : reason == null ? step : step + ", " + reason;
    if (request != null && request.path("acceptLoss").asBoolean(false)) {
      detail = detail == null ? "ACCEPTING LOSS" : detail + ", ACCEPTING LOSS";
    }
    return new Event(at, verb, text(request, "by"), detail);
  }

  private static @Nullable JsonNode json(Payloads payloads) {
    if (payloads.getPayloadsCount() == 0) {
      return null;
    }
    try {
      return Json.MAPPER.readTree(payloads.getPayloads(0).getData().toByteArray());
    } catch (IOException e) {
      return null; // sent by hand in another form
    }
  }

  private static @Nullable String text(@Nullable JsonNode node, String key) {
    JsonNode value = node == null ? null : node.get(key);
    return value == null || !value.isTextual() ? null : Redaction.redact(value.textValue());
  }
}
