package org.linnet;

/** Receives a text while it is written. */
public interface TextCallback {
  /**
   * Called on the thread that generates. What it throws stops the text and is thrown by the call
   * that generates.
   *
   * @param text whole characters, as they become certain
   * @return whether to go on
   */
  boolean onText(String text);
}
