/** Turns references to secrets into secrets, on the worker. Nothing here writes one anywhere. */
@NullMarked
package dev.whimbrel.secrets;

import org.jspecify.annotations.NullMarked;
