package dev.whimbrel.activity;

import io.temporal.activity.ActivityInterface;

/**
 * Windows of the week. Computed here and not in the workflow, since workers may differ in tzdata.
 */
@ActivityInterface
public interface Windows {

  /** The window that is open now, or the next one to open. */
  Window nextWindow(String window);
}
