package org.linnet;

/** Told how much of opening a model is done. */
public interface Progress {
  /**
   * Called now and then on the thread that opens the model.
   *
   * @param done the share done, 0 to 1
   * @return whether to go on; otherwise opening fails with {@link Status#CANCELLED}
   */
  boolean onProgress(float done);
}
