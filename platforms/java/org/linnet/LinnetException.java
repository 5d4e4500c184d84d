package org.linnet;

/**
 * A call that failed. The message is one line that names the file, operator or tensor, what was
 * expected and what was found.
 */
public final class LinnetException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Status status;

  LinnetException(Status status, String message) {
    super(message);
    this.status = status;
  }

  public Status status() {
    return status;
  }
}
