package org.linnet;

/** Told how many tokens of a call have run. */
public interface RunProgress {
  /**
   * Called between chunks, on the thread of the call. The session's state stands after the tokens
   * done.
   *
   * @param done tokens that have run
   * @param total tokens that the call was given
   * @return whether to go on; otherwise the call fails with {@link Status#CANCELLED}, and the state
   *     keeps the tokens done
   */
  boolean onProgress(long done, long total);
}
