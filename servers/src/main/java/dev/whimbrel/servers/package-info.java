/**
 * Real servers as child processes of this JVM, listening on 127.0.0.1 only, for tests and the lab.
 * Nothing of Whimbrel lives here: a server is used as any client would use it.
 */
@NullMarked
package dev.whimbrel.servers;

import org.jspecify.annotations.NullMarked;
