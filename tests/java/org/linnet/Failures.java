package org.linnet;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import org.junit.function.ThrowingRunnable;

/** What a call should fail with. */
final class Failures {
  private Failures() {}

  /** A status, and a message that has every one of these parts. */
  static void assertFails(Status status, ThrowingRunnable call, String... parts) {
    LinnetException failure = assertThrows(LinnetException.class, call);
    assertEquals(failure.getMessage(), status, failure.status());
    for (String part : parts) {
      assertTrue("'" + part + "' in: " + failure.getMessage(), failure.getMessage().contains(part));
    }
  }

  static void assertClosed(ThrowingRunnable call) {
    IllegalStateException failure = assertThrows(IllegalStateException.class, call);
    assertTrue(failure.getMessage(), failure.getMessage().endsWith("is closed"));
  }

  static void assertBusy(ThrowingRunnable call) {
    IllegalStateException failure = assertThrows(IllegalStateException.class, call);
    assertTrue(failure.getMessage(), failure.getMessage().contains("runs another call"));
  }
}
